/*
 * probe_target.c
 *		What a health check asks whom, and what a good answer is.  No I/O.
 */
#include "probe_target.h"

#include <stdio.h>
#include <stdlib.h>

#define STUN_REQUEST 0x0001
#define STUN_SUCCESS 0x0101
#define HTTP_BEGINS	 "HTTP/1."
#define DIGITS		 "0123456789"

static const unsigned char stun_cookie[] = {0x21, 0x12, 0xa4, 0x42};

static const struct
{
	const char	   *prefix;
	enum probe_kind kind;
	const char	   *port; /* unless one is given; NULL: one must be */
} forms[] = {
	{"https://", PROBE_HTTPS, "443"},
	{"http://", PROBE_HTTP, "80"},
	{"tcp://", PROBE_TCP, NULL},
	{"stun:", PROBE_STUN, "3478"},
	{"turn:", PROBE_STUN, "3478"},
};

static bool
copy(char *place, size_t size, struct slice text)
{
	if (text.length >= size)
		return false;
	memcpy(place, text.data, text.length);
	place[text.length] = '\0';
	return true;
}

/* "host", "host:port", "[address]:port". */
static bool
parse_place(struct slice place, const char *port, struct probe_target *target)
{
	const bool	bracket = place.length > 0 && place.data[0] == '[';
	const char *end = bracket ? memchr(place.data, ']', place.length) : NULL;
	const char *after = place.data + place.length;
	const char *colon;

	if (bracket && end == NULL)
		return false;
	colon = memchr(bracket ? end : place.data, ':',
				   (size_t) (after - (bracket ? end : place.data)));
	if (bracket)
		place = slice_of(place.data + 1, (size_t) (end - place.data) - 1);
	else
		place = slice_of(place.data, (size_t) ((colon != NULL ? colon : after) - place.data));
	if (place.length == 0 || !copy(target->host, sizeof(target->host), place))
		return false;
	if (colon != NULL)
		return copy(target->port, sizeof(target->port),
					slice_of(colon + 1, (size_t) (after - colon) - 1)) &&
			   target->port[0] != '\0' && strspn(target->port, DIGITS) == strlen(target->port) &&
			   strtol(target->port, NULL, 10) <= 65535;
	return port != NULL && copy(target->port, sizeof(target->port), slice_text(port));
}

bool
probe_target_parse(const char *url, struct probe_target *target)
{
	*target = (struct probe_target){0};
	for (unsigned i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
	{
		const size_t prefix = strlen(forms[i].prefix);
		const char	*place;
		const char	*path;

		if (strncmp(url, forms[i].prefix, prefix) != 0)
			continue;
		place = url + prefix;
		path = place + strcspn(place, "/");
		target->kind = forms[i].kind;
		return copy(target->path, sizeof(target->path), slice_text(*path != '\0' ? path : "/")) &&
			   strcspn(target->path, " \r\n\t") == strlen(target->path) &&
			   parse_place(slice_of(place, (size_t) (path - place)), forms[i].port, target);
	}
	return false;
}

void
probe_http_request(const struct probe_target *target, struct buffer *request)
{
	const bool is_address = strchr(target->host, ':') != NULL;

	buffer_append_text(request, "GET ");
	buffer_append_text(request, target->path);
	buffer_append_text(request, is_address ? " HTTP/1.1\r\nHost: [" : " HTTP/1.1\r\nHost: ");
	buffer_append_text(request, target->host);
	buffer_append_text(request, is_address ? "]:" : ":");
	buffer_append_text(request, target->port);
	buffer_append_text(request, "\r\nUser-Agent: harthio-notifier\r\nAccept: */*\r\n"
								"Connection: close\r\n\r\n");
}

/* "HTTP/1.1 200" */
bool
probe_http_good(const char answer[PROBE_STATUS_BYTES])
{
	const size_t begins = sizeof(HTTP_BEGINS) - 1;

	return memcmp(answer, HTTP_BEGINS, begins) == 0 && answer[begins + 1] == ' ' &&
		   (answer[begins + 2] == '2' || answer[begins + 2] == '3');
}

/* RFC 8489: type, length, cookie, and 96 bits that the answer repeats. */
void
probe_stun_request(const unsigned char random[PROBE_STUN_RANDOM_BYTES],
				   unsigned char	   request[PROBE_STUN_BYTES])
{
	memset(request, 0, PROBE_STUN_BYTES);
	request[1] = STUN_REQUEST;
	memcpy(request + 4, stun_cookie, sizeof(stun_cookie));
	memcpy(request + 8, random, PROBE_STUN_RANDOM_BYTES);
}

bool
probe_stun_good(const unsigned char request[PROBE_STUN_BYTES], struct slice answer)
{
	const unsigned char *bytes = (const unsigned char *) answer.data;

	return answer.length >= PROBE_STUN_BYTES && (bytes[0] << 8 | bytes[1]) == STUN_SUCCESS &&
		   memcmp(bytes + 4, request + 4, PROBE_STUN_BYTES - 4) == 0;
}
