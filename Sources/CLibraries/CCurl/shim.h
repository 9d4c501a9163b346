#ifndef HAWSER_CCURL_SHIM_H
#define HAWSER_CCURL_SHIM_H

#include <curl/curl.h>

/* curl_easy_setopt and curl_easy_getinfo are variadic, which Swift cannot call: one function for each type of argument. */
typedef size_t (*hawser_curl_data)(char *bytes, size_t size, size_t count, void *context);

static inline CURLcode hawser_curl_set_long(CURL *curl, CURLoption option, long value) {
    return curl_easy_setopt(curl, option, value);
}
static inline CURLcode hawser_curl_set_text(CURL *curl, CURLoption option, const char *value) {
    return curl_easy_setopt(curl, option, value);
}
static inline CURLcode hawser_curl_set_pointer(CURL *curl, CURLoption option, void *value) {
    return curl_easy_setopt(curl, option, value);
}
static inline CURLcode hawser_curl_set_data(CURL *curl, CURLoption option, hawser_curl_data value) {
    return curl_easy_setopt(curl, option, value);
}
static inline CURLcode hawser_curl_get_long(CURL *curl, CURLINFO info, long *value) {
    return curl_easy_getinfo(curl, info, value);
}

#endif
