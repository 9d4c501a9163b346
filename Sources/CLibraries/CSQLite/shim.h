#ifndef HAWSER_CSQLITE_SHIM_H
#define HAWSER_CSQLITE_SHIM_H

#include <sqlite3.h>

#endif
