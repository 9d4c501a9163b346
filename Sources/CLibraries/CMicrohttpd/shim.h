#ifndef HAWSER_CMICROHTTPD_SHIM_H
#define HAWSER_CMICROHTTPD_SHIM_H

#include <microhttpd.h>

#endif
