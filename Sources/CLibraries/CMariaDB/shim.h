#ifndef HAWSER_CMARIADB_SHIM_H
#define HAWSER_CMARIADB_SHIM_H

#include <mysql.h>
#include <errmsg.h>
#include <mysqld_error.h>
#include <mariadb_rpl.h>

/* mariadb_rpl_optionsv is variadic, which Swift cannot call: one function for each type of argument. */
static inline int hawser_mariadb_rpl_set_text(
    MARIADB_RPL *log, enum mariadb_rpl_option option, const char *value, size_t length) {
    return mariadb_rpl_optionsv(log, option, value, length);
}
static inline int hawser_mariadb_rpl_set_long(MARIADB_RPL *log, enum mariadb_rpl_option option, unsigned long value) {
    return mariadb_rpl_optionsv(log, option, value);
}
static inline int hawser_mariadb_rpl_set_number(MARIADB_RPL *log, enum mariadb_rpl_option option, unsigned value) {
    return mariadb_rpl_optionsv(log, option, value);
}
/* Two macros: one with arguments, one whose type Swift would take for Int32. */
static inline MARIADB_RPL *hawser_mariadb_rpl_init(MYSQL *connection) { return mariadb_rpl_init(connection); }
static const unsigned long hawser_mariadb_flags = CLIENT_FOUND_ROWS | CLIENT_MULTI_STATEMENTS;

#endif
