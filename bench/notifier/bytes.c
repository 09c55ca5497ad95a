/*
 * bytes.c
 *		Bytes that grow, websocket frames made of them, sockets on loopback.
 */
#include "bytes.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define MASK_BYTES 4

void
fail(const char *what)
{
	perror(what);
	exit(1);
}

static void
reserve(struct bytes *bytes, size_t more)
{
	size_t capacity = bytes->capacity == 0 ? 256 : bytes->capacity;

	while (capacity < bytes->length + more)
		capacity *= 2;
	if (capacity == bytes->capacity)
		return;
	bytes->data = realloc(bytes->data, capacity);
	bytes->capacity = capacity;
	if (bytes->data == NULL)
		fail("realloc");
}

void
bytes_append(struct bytes *bytes, const void *data, size_t length)
{
	reserve(bytes, length);
	memcpy(bytes->data + bytes->length, data, length);
	bytes->length += length;
}

void
bytes_print(struct bytes *bytes, const char *format, ...)
{
	char	text[8192];
	va_list arguments;
	int		length;

	va_start(arguments, format);
	length = vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (length < 0 || (size_t) length >= sizeof(text))
		fail("bytes_print");
	bytes_append(bytes, text, (size_t) length);
}

void
bytes_free(struct bytes *bytes)
{
	free(bytes->data);
	*bytes = (struct bytes){0};
}

void
bytes_drop(struct bytes *bytes, size_t length)
{
	bytes->length -= length;
	if (bytes->length == 0)
		bytes_free(bytes);
	else
		memmove(bytes->data, bytes->data + length, bytes->length);
}

static void
unmask(char *data, size_t length, const char mask[MASK_BYTES])
{
	for (size_t i = 0; i < length; i++)
		data[i] = (char) (data[i] ^ mask[i % MASK_BYTES]);
}

void
frame_append(struct bytes *bytes, enum opcode opcode, const void *payload, size_t length)
{
	static uint32_t number;
	const uint32_t	mask = htonl(++number * 2654435761U);
	unsigned char	header[4 + MASK_BYTES] = {(unsigned char) (0x80 | opcode)};
	size_t			used = 2;

	header[1] = (unsigned char) (0x80 | (length < 126 ? length : 126));
	if (length >= 126)
	{
		header[used++] = (unsigned char) (length >> 8);
		header[used++] = (unsigned char) length;
	}
	memcpy(header + used, &mask, MASK_BYTES);
	bytes_append(bytes, header, used + MASK_BYTES);
	bytes_append(bytes, payload, length);
	unmask(bytes->data + bytes->length - length, length, (const char *) &mask);
}

size_t
frame_take(char *data, size_t length, char **payload, size_t *payload_length)
{
	const unsigned char *bytes = (const unsigned char *) data;
	size_t				 header = 2;

	if (length < header)
		return 0;
	*payload_length = bytes[1] & 0x7F;
	if (*payload_length == 126 && length >= 4)
	{
		*payload_length = (size_t) (bytes[2] << 8 | bytes[3]);
		header = 4;
	}
	else if (*payload_length >= 126)
		return 0;
	header += MASK_BYTES;
	if (length < header + *payload_length)
		return 0;
	*payload = data + header;
	unmask(*payload, *payload_length, *payload - MASK_BYTES);
	return header + *payload_length;
}

size_t
frame_put_header(char *payload, size_t length)
{
	if (length < 126)
	{
		payload[-2] = (char) (0x80 | OPCODE_TEXT);
		payload[-1] = (char) length;
		return 2;
	}
	payload[-4] = (char) (0x80 | OPCODE_TEXT);
	payload[-3] = 126;
	payload[-2] = (char) (length >> 8);
	payload[-1] = (char) length;
	return 4;
}

static int
loopback_socket(int port, struct sockaddr_in *address)
{
	const int on = 1;
	int		  fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		fail("socket");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	*address = (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t) port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	return fd;
}

int
loopback_connect(int port)
{
	/* a reset at the end: no port is left waiting */
	const struct linger linger = {.l_onoff = 1};
	struct sockaddr_in	address;
	int					fd = loopback_socket(port, &address);

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	if (connect(fd, (struct sockaddr *) &address, sizeof(address)) != 0 && errno != EINPROGRESS)
		fail("connect");
	return fd;
}

int
loopback_listen(int port)
{
	struct sockaddr_in address;
	int				   fd = loopback_socket(port, &address);

	if (bind(fd, (struct sockaddr *) &address, sizeof(address)) != 0 || listen(fd, 4096) != 0)
		fail("listen");
	return fd;
}
