#ifndef HAWSER_CMICROHTTPD_SHIM_H
#define HAWSER_CMICROHTTPD_SHIM_H

#include <microhttpd.h>
#include <stdint.h>

/* The second value of MHD_OPTION_URI_LOG_CALLBACK has a type of its own in no header. */
typedef void *(*hawser_http_uri)(void *context, const char *uri, struct MHD_Connection *connection);

/* MHD_start_daemon is variadic, which Swift cannot call. The listening socket is the caller's until this succeeds. */
static inline struct MHD_Daemon *hawser_http_start(int socket, unsigned int threads, unsigned int connections,
                                                   unsigned int idle_seconds, MHD_AccessHandlerCallback handler,
                                                   MHD_RequestCompletedCallback completed, hawser_http_uri uri,
                                                   void *context) {
    struct MHD_OptionItem options[] = {
        {MHD_OPTION_LISTEN_SOCKET, socket, NULL},
        {MHD_OPTION_THREAD_POOL_SIZE, threads, NULL},
        {MHD_OPTION_CONNECTION_LIMIT, connections, NULL},
        {MHD_OPTION_CONNECTION_TIMEOUT, idle_seconds, NULL},
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, 64 * 1024, NULL},
        {MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)completed, context},
        {MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)uri, context},
        {MHD_OPTION_END, 0, NULL}};
    return MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_INTERNAL_POLLING_THREAD | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL,
                            handler, context, MHD_OPTION_ARRAY, options, MHD_OPTION_END);
}

/* MHD_get_connection_info answers with a pointer to a union, by a variadic function. */
static inline int hawser_http_descriptor(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info ? info->connect_fd : -1;
}

#endif
