/*
 * fuzz.h
 *		What the fuzz targets share: checks, and ways to look at an input.
 *
 * A target is one function, LLVMFuzzerTestOneInput(), that is called with
 * inputs made up by libFuzzer.  It checks properties that hold whatever comes
 * in; one that does not hold ends the process, and libFuzzer keeps the input.
 */
#ifndef HARTHIO_FUZZ_H
#define HARTHIO_FUZZ_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "frame.h"
#include "slice.h"

#define CHECK(condition) \
	((condition) ? (void) 0 : fuzz_fail(#condition, __FILE__, __LINE__))

/* Ends the process: this does not hold. */
void fuzz_fail(const char *what, const char *file, int line) __attribute__((noreturn));

int LLVMFuzzerInitialize(const int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A callback for those who need not be told. */
void fuzz_ignore(void *owner);

/* Do all bytes of "part" lie in "whole"? */
bool fuzz_is_inside(struct slice part, struct slice whole);

/* Take the next line, without its end, off the input. */
struct slice fuzz_take_line(struct slice *input);

/* Take bytes off the input; what is missing is zero. */
uint64_t fuzz_take_bits(struct slice *input, size_t bytes);
double	 fuzz_take_double(struct slice *input);

/*
 * Any JSON value, by a parser that is not ours; NULL: it is none, or too big for
 * it.  jansson overlooks a NUL after a number, and JSON has none.
 */
json_t *fuzz_json(struct slice text, json_error_t *error);

/* Like json_string_value(), but with its length; no data if it is no string. */
struct slice fuzz_string(const json_t *value);

/* What a frame carries, once its header is found to be as RFC 6455 wants it. */
struct slice fuzz_payload(const struct frame *frame, enum frame_kind kind);

#endif
