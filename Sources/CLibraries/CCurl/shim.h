#ifndef HAWSER_CCURL_SHIM_H
#define HAWSER_CCURL_SHIM_H

#include <curl/curl.h>

#endif
