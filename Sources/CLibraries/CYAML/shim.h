#ifndef HAWSER_CYAML_SHIM_H
#define HAWSER_CYAML_SHIM_H

#include <yaml.h>

#endif
