/*
 * http.c
 *		One HTTP request with its body, and one small answer, now or later.
 *
 * Any page may ask, whatever its origin, but on the internal port: what counts is
 * the token, which no browser sends by itself.
 */
#include "http.h"

#include <libwebsockets.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "memory.h"
#include "server.h"

#define ANSWER_HEAD_MAX 1024
#define CORS_MAX_BYTES	512

/* What a page may read of an answer, besides what it always may. */
#define EXPOSED "content-range, retry-after, x-rate-limit, x-rate-limit-remaining, x-rate-rolling"

/* A header's value, to be freed; NULL if it is missing, empty or too long. */
static char *
copy_header(struct lws *wsi, enum lws_token_indexes token)
{
	char buffer[SERVER_HEADER_MAX_BYTES];
	int	 length = lws_hdr_copy(wsi, buffer, sizeof(buffer), token);

	return length > 0 ? memory_copy(buffer, (size_t) length) : NULL;
}

static char *
copy_custom_header(struct lws *wsi, struct slice name)
{
	char buffer[SERVER_HEADER_MAX_BYTES];
	int	 length = lws_hdr_custom_copy(wsi, buffer, sizeof(buffer), name.data,
									  (int) name.length);

	return length > 0 ? memory_copy(buffer, (size_t) length) : NULL;
}

static char *
read_token(struct lws *wsi)
{
	char *authorization = copy_header(wsi, WSI_TOKEN_HTTP_AUTHORIZATION);
	char *token = NULL;

	if (authorization != NULL && strncasecmp(authorization, "Bearer ", 7) == 0)
		token = memory_copy(authorization + 7, strlen(authorization + 7));
	free(authorization);
	return token != NULL ? token : copy_custom_header(wsi, SLICE("apikey:"));
}

/* Is this argument in the query?  Its value then is in "value". */
static bool
read_argument(struct lws *wsi, const char *name, struct slice wanted)
{
	char argument[SERVER_HEADER_MAX_BYTES];

	for (int i = 0; lws_hdr_copy_fragment(wsi, argument, sizeof(argument),
										  WSI_TOKEN_HTTP_URI_ARGS, i) > 0;
		 i++)
	{
		struct slice value;

		if (slice_after(slice_text(argument), slice_text(name), &value) &&
			(wanted.data == NULL || slice_equal(value, wanted)))
			return true;
	}
	return false;
}

/* Percent signs are read by now; a NUL ends an argument, whoever sent it. */
static void
read_query(struct lws *wsi, struct buffer *query)
{
	char argument[SERVER_HEADER_MAX_BYTES];
	int	 length;

	for (int i = 0; (length = lws_hdr_copy_fragment(wsi, argument, sizeof(argument),
													WSI_TOKEN_HTTP_URI_ARGS, i)) > 0;
		 i++)
	{
		buffer_append(query, slice_of(argument, (size_t) length));
		buffer_append_byte(query, '\0');
	}
}

static enum http_method
read_method(struct lws *wsi)
{
	if (lws_hdr_total_length(wsi, WSI_TOKEN_POST_URI) > 0)
		return HTTP_POST;
	if (lws_hdr_total_length(wsi, WSI_TOKEN_GET_URI) > 0)
		return HTTP_GET;
	if (lws_hdr_total_length(wsi, WSI_TOKEN_HEAD_URI) > 0)
		return HTTP_HEAD;
	if (lws_hdr_total_length(wsi, WSI_TOKEN_OPTIONS_URI) > 0)
		return HTTP_OPTIONS;
	return HTTP_OTHER;
}

/* Zero as well if there is none, or none that can be. */
static uint64_t
read_length(struct lws *wsi)
{
	char	*text = copy_header(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH);
	uint64_t length = text != NULL ? strtoull(text, NULL, 10) : 0;

	free(text);
	return length;
}

static struct http_request *
request_new(struct lws *wsi, struct loop *loop, const char *path,
			const struct http_handler *handler)
{
	struct http_request *request = memory_new(sizeof(*request));

	request->wsi = wsi;
	request->loop = loop;
	request->handler = handler;
	request->method = read_method(wsi);
	request->path = memory_copy(path, strlen(path));
	request->token = read_token(wsi);
	request->type = copy_header(wsi, WSI_TOKEN_HTTP_CONTENT_TYPE);
	request->cors = copy_header(wsi, WSI_TOKEN_HTTP_AC_REQUEST_HEADERS);
	request->accept = copy_header(wsi, WSI_TOKEN_HTTP_ACCEPT);
	request->prefer = copy_custom_header(wsi, SLICE("prefer:"));
	request->profile = copy_custom_header(wsi, request->method == HTTP_POST
												   ? SLICE("content-profile:")
												   : SLICE("accept-profile:"));
	read_query(wsi, &request->query);
	request->answer_type = "application/json";
	request->private = read_argument(wsi, "private=", SLICE("true"));
	request->persist = read_argument(wsi, "persist", (struct slice){0});
	request->chunked = lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING) > 0;
	request->length = read_length(wsi);
	return request;
}

static void
request_free(struct http_request *request)
{
	if (request == NULL)
		return;
	if (request->abandon != NULL)
		request->abandon(request->work);
	buffer_free(&request->body);
	buffer_free(&request->query);
	buffer_free(&request->answer);
	buffer_free(&request->headers);
	free(request->path);
	free(request->token);
	free(request->type);
	free(request->cors);
	free(request->accept);
	free(request->prefer);
	free(request->profile);
	free(request);
}

void
http_add_header(struct http_request *request, const char *name, const char *value)
{
	buffer_append_text(&request->headers, name);
	buffer_append_byte(&request->headers, '\0');
	buffer_append_text(&request->headers, value);
	buffer_append_byte(&request->headers, '\0');
}

void
http_answer(struct http_request *request, unsigned status, struct slice json)
{
	request->status = status;
	buffer_append(&request->answer, json);
	lws_callback_on_writable(request->wsi);
}

void
http_answer_message(struct http_request *request, unsigned status, const char *text)
{
	struct buffer json = {0};

	buffer_append_text(&json, "{\"message\":");
	buffer_append_json_string(&json, slice_text(text));
	buffer_append_byte(&json, '}');
	http_answer(request, status, buffer_slice(&json));
	buffer_free(&json);
}

static bool
add_header(struct lws *wsi, const char *name, const char *value, unsigned char **at,
		   unsigned char *end)
{
	return lws_add_http_header_by_name(wsi, (const unsigned char *) name,
									   (const unsigned char *) value,
									   (int) strlen(value), at, end) == 0;
}

static bool
add_who_may_read(const struct http_request *request, unsigned char **at, unsigned char *end)
{
	const char *allowed = "authorization, apikey, content-type, x-client-info";
	struct lws *wsi = request->wsi;

	if (request->handler->internal)
		return add_header(wsi, "cache-control:", "no-store", at, end);
	if (!add_header(wsi, "access-control-allow-origin:", "*", at, end))
		return false;
	if (request->method != HTTP_OPTIONS)
		return add_header(wsi, "access-control-expose-headers:", EXPOSED, at, end);
	if (request->cors != NULL && strlen(request->cors) < CORS_MAX_BYTES)
		allowed = request->cors;
	return add_header(wsi, "access-control-allow-methods:", "POST, GET, HEAD, OPTIONS", at, end) &&
		   add_header(wsi, "access-control-allow-headers:", allowed, at, end) &&
		   add_header(wsi, "access-control-max-age:", "600", at, end);
}

static bool
add_retry_after(const struct http_request *request, unsigned char **at, unsigned char *end)
{
	char seconds[16];

	snprintf(seconds, sizeof(seconds), "%u", request->retry_after);
	return request->retry_after == 0 ||
		   add_header(request->wsi, "retry-after:", seconds, at, end);
}

static bool
add_more(const struct http_request *request, unsigned char **at, unsigned char *end)
{
	const char *name = request->headers.data;
	const char *last = name + request->headers.length;

	while (name < last)
	{
		const char *value = name + strlen(name) + 1;

		if (!add_header(request->wsi, name, value, at, end))
			return false;
		name = value + strlen(value) + 1;
	}
	return true;
}

/*
 * Write the answer in one piece.  False: end the connection.
 */
static bool
write_answer(struct http_request *request)
{
	const size_t   size = LWS_PRE + ANSWER_HEAD_MAX + request->answer.length;
	unsigned char *buffer = memory_resize(NULL, size, 1);
	unsigned char *at = buffer + LWS_PRE;
	unsigned char *start = at;
	unsigned char *end = at + ANSWER_HEAD_MAX;
	bool		   good;

	good = lws_add_http_common_headers(request->wsi, request->status, request->answer_type,
									   request->answer.length, &at, end) == 0 &&
		   add_who_may_read(request, &at, end) && add_retry_after(request, &at, end) &&
		   add_more(request, &at, end) &&
		   lws_finalize_http_header(request->wsi, &at, end) == 0;
	if (good)
	{
		if (request->answer.length > 0 && request->method != HTTP_HEAD)
		{
			memcpy(at, request->answer.data, request->answer.length);
			at += request->answer.length;
		}
		good = lws_write(request->wsi, start, (size_t) (at - start),
						 LWS_WRITE_HTTP_FINAL) >= 0;
	}
	free(buffer);
	return good;
}

/* What is left of a body would be taken for the next request. */
static int
finish(struct http_request *request)
{
	const bool whole = request->body.length == request->length;

	if (!write_answer(request) || !whole)
		return -1;
	return lws_http_transaction_completed(request->wsi);
}

int
http_start(struct http_request **place, struct lws *wsi, struct loop *loop,
		   const char *path, const struct http_handler *handler)
{
	request_free(*place);
	*place = request_new(wsi, loop, path, handler);
	if (!handler->refuse_early(*place) && (*place)->length == 0)
		handler->handle(*place);
	return 0;
}

static int
take_body(struct http_request *request, const char *bytes, size_t length)
{
	if (request->status != 0)
		return 0;
	if (length > request->length - request->body.length)
		return -1;
	buffer_append(&request->body, slice_of(bytes, length));
	return 0;
}

static void
take_body_end(struct http_request *request)
{
	if (request->status == 0 && request->length > 0 &&
		request->body.length == request->length)
		request->handler->handle(request);
}

/*
 * Send what there is to send.  When that was all, libwebsockets frees "place", so
 * the request is taken out of it before.
 */
static int
write_to(struct http_request **place)
{
	struct http_request *request = *place;
	int					 result;

	if (request->status == 0)
		return 0;
	*place = NULL;
	result = finish(request);
	request_free(request);
	return result;
}

int
http_event(struct http_request **place, int reason, const void *in, size_t length)
{
	if (*place == NULL)
		return 0;
	switch (reason)
	{
		case LWS_CALLBACK_HTTP_BODY:
			return take_body(*place, in, length);
		case LWS_CALLBACK_HTTP_BODY_COMPLETION:
			take_body_end(*place);
			return 0;
		case LWS_CALLBACK_HTTP_WRITEABLE:
			return write_to(place);
		default:
			request_free(*place);
			*place = NULL;
			return 0;
	}
}
