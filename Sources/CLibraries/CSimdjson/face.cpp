#include "CSimdjson.h"

#include <cstring>
#include <new>
#include <simdjson.h>
#include <string_view>

namespace dom = simdjson::dom;

struct hawser_json_document {
    dom::parser parser;
    dom::element root;
};

// An element is a pointer to its document and an index into its tape: exactly what hawser_json_value holds.
static_assert(sizeof(dom::element) == sizeof(hawser_json_value), "simdjson's element has another layout");
static_assert(std::is_trivially_copyable<dom::element>::value, "simdjson's element cannot be copied as bytes");

static hawser_json_value wrap(const dom::element &element) {
    hawser_json_value value;
    std::memcpy(static_cast<void *>(&value), static_cast<const void *>(&element), sizeof value);
    return value;
}

static dom::element unwrap(hawser_json_value value) {
    dom::element element;
    std::memcpy(static_cast<void *>(&element), static_cast<const void *>(&value), sizeof element);
    return element;
}

hawser_json_document *hawser_json_parse(const uint8_t *bytes, size_t count, const char **problem) {
    auto *document = new (std::nothrow) hawser_json_document;
    if (document == nullptr) {
        *problem = "out of memory";
        return nullptr;
    }
    // The parser copies, because it reads up to 64 bytes past the end.
    auto error = document->parser.parse(bytes, count, true).get(document->root);
    if (error != simdjson::SUCCESS) {
        *problem = simdjson::error_message(error);
        delete document;
        return nullptr;
    }
    return document;
}

void hawser_json_free(hawser_json_document *document) { delete document; }

hawser_json_value hawser_json_root(const hawser_json_document *document) { return wrap(document->root); }

hawser_json_kind hawser_json_kind_of(hawser_json_value value) {
    switch (unwrap(value).type()) {
    case dom::element_type::ARRAY: return HAWSER_JSON_ARRAY;
    case dom::element_type::OBJECT: return HAWSER_JSON_OBJECT;
    case dom::element_type::INT64:
    case dom::element_type::UINT64: return HAWSER_JSON_INTEGER;
    case dom::element_type::DOUBLE: return HAWSER_JSON_REAL;
    case dom::element_type::STRING: return HAWSER_JSON_STRING;
    case dom::element_type::BOOL: return HAWSER_JSON_BOOL;
    case dom::element_type::NULL_VALUE: return HAWSER_JSON_NULL;
    }
    return HAWSER_JSON_NULL;
}

bool hawser_json_bool(hawser_json_value value, bool *result) {
    return unwrap(value).get_bool().get(*result) == simdjson::SUCCESS;
}

bool hawser_json_integer(hawser_json_value value, int64_t *result) {
    return unwrap(value).get_int64().get(*result) == simdjson::SUCCESS;
}

bool hawser_json_string(hawser_json_value value, const char **bytes, size_t *count) {
    std::string_view text;
    if (unwrap(value).get_string().get(text) != simdjson::SUCCESS) return false;
    *bytes = text.data();
    *count = text.size();
    return true;
}

bool hawser_json_field(hawser_json_value value, const char *name, size_t count, hawser_json_value *result) {
    dom::object object;
    if (unwrap(value).get_object().get(object) != simdjson::SUCCESS) return false;
    dom::element field;
    if (object.at_key(std::string_view(name, count)).get(field) != simdjson::SUCCESS) return false;
    *result = wrap(field);
    return true;
}

bool hawser_json_each(hawser_json_value value, void *context,
                      void (*visit)(void *context, const char *name, size_t count, hawser_json_value value)) {
    dom::array array;
    if (unwrap(value).get_array().get(array) == simdjson::SUCCESS) {
        for (dom::element element : array) visit(context, nullptr, 0, wrap(element));
        return true;
    }
    dom::object object;
    if (unwrap(value).get_object().get(object) != simdjson::SUCCESS) return false;
    for (auto field : object) visit(context, field.key.data(), field.key.size(), wrap(field.value));
    return true;
}
