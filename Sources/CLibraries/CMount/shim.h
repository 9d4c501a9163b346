#ifndef HAWSER_CMOUNT_SHIM_H
#define HAWSER_CMOUNT_SHIM_H

#include <libmount/libmount.h>

#endif
