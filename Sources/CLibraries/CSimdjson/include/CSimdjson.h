#ifndef HAWSER_CSIMDJSON_H
#define HAWSER_CSIMDJSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A plain C face over simdjson's DOM. No function throws; each says by its result whether there was such a value. */

#ifdef __cplusplus
extern "C" {
#endif

/* A parsed text. Values point into it and are valid until it is freed. */
typedef struct hawser_json_document hawser_json_document;

typedef struct {
    const void *document;
    size_t index;
} hawser_json_value;

typedef enum {
    HAWSER_JSON_NULL,
    HAWSER_JSON_BOOL,
    HAWSER_JSON_INTEGER,
    HAWSER_JSON_REAL,
    HAWSER_JSON_STRING,
    HAWSER_JSON_ARRAY,
    HAWSER_JSON_OBJECT
} hawser_json_kind;

/* Parses a whole text. On failure returns NULL and points `problem` at a static text. The bytes are copied. */
hawser_json_document *hawser_json_parse(const uint8_t *bytes, size_t count, const char **problem);
void hawser_json_free(hawser_json_document *document);
hawser_json_value hawser_json_root(const hawser_json_document *document);

hawser_json_kind hawser_json_kind_of(hawser_json_value value);
bool hawser_json_bool(hawser_json_value value, bool *result);
bool hawser_json_integer(hawser_json_value value, int64_t *result);
/* The string's bytes lie in the document. */
bool hawser_json_string(hawser_json_value value, const char **bytes, size_t *count);
/* The field of an object; the first of that name. */
bool hawser_json_field(hawser_json_value value, const char *name, size_t count, hawser_json_value *result);
/* Calls `visit` for each element of an array, or for each field's value of an object with its name. */
bool hawser_json_each(hawser_json_value value, void *context,
                      void (*visit)(void *context, const char *name, size_t count, hawser_json_value value));

#ifdef __cplusplus
}
#endif

#endif
