/*
 * bytes.h
 *		Bytes that grow, and websocket frames made of them.
 */
#ifndef BENCH_BYTES_H
#define BENCH_BYTES_H

#include <stdbool.h>
#include <stddef.h>

enum opcode
{
	OPCODE_TEXT = 1,
	OPCODE_BINARY = 2
};

struct bytes
{
	char  *data;
	size_t length;
	size_t capacity;
};

void bytes_append(struct bytes *bytes, const void *data, size_t length);
void bytes_print(struct bytes *bytes, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void bytes_free(struct bytes *bytes);

/* Take away the first bytes. */
void bytes_drop(struct bytes *bytes, size_t length);

/* A frame as clients send it: masked. */
void frame_append(struct bytes *bytes, enum opcode opcode, const void *payload, size_t length);

/*
 * The first frame of what a client sent, unmasked where it lies.  Returns its
 * length with the header, or 0 if it is not all there.
 */
size_t frame_take(char *data, size_t length, char **payload, size_t *payload_length);

/*
 * Put a server's header of a text frame before its payload, where a client's
 * header was; returns its length.  Payloads are below 64 KB.
 */
size_t frame_put_header(char *payload, size_t length);

/* A socket to or on loopback; exits if there is none. */
int	 loopback_connect(int port);
int	 loopback_listen(int port);
void fail(const char *what) __attribute__((noreturn));

#endif
