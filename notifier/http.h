/*
 * http.h
 *		One HTTP request with its body, and one small answer, now or later.
 *
 * Whoever handles a request calls http_answer() once, whenever he knows what to
 * say.  If the client goes away before, "abandon" is called, and nobody may touch
 * the request after that.
 */
#ifndef HARTHIO_HTTP_H
#define HARTHIO_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "buffer.h"

struct loop;
struct lws;

enum http_method
{
	HTTP_GET,
	HTTP_HEAD,
	HTTP_POST,
	HTTP_OPTIONS,
	HTTP_OTHER
};

struct http_request;

/* Whose a request is. */
struct http_handler
{
	/* Can it be answered before the body is there?  Then do so, and return true. */
	bool (*refuse_early)(struct http_request *request);

	/* It is whole: answer it, now or later. */
	void (*handle)(struct http_request *request);
	bool internal; /* no page of another origin may ask, and nobody may keep the answer */
};

struct http_request
{
	struct lws		*wsi;					/* where it came from */
	struct loop		*loop;					/* whose */
	enum http_method method;				/* of a HEAD the body is not sent */
	char			*path;					/* percent-decoded, without the query */
	char			*token;					/* of Authorization, else the apikey; NULL: none */
	char			*type;					/* Content-Type; NULL: none */
	char			*cors;					/* headers that a preflight asks for; NULL: none */
	char			*accept;				/* types of an answer that it takes; NULL: any */
	char			*prefer;				/* how it wants to be answered; NULL: anyhow */
	char			*profile;				/* Accept-Profile, or of a POST Content-Profile; NULL: none */
	struct buffer	 query;					/* its arguments, each "name=value" and a NUL */
	bool private;							/* the query says private=true */
	bool					   persist;		/* the query asks for something to be stored */
	bool					   chunked;		/* the length of the body was not announced */
	uint64_t				   length;		/* of the body, as it was announced */
	struct buffer			   body;		/* what came of it */
	unsigned				   status;		/* of the answer; 0: none yet */
	struct buffer			   answer;		/* JSON; may be empty */
	const char				  *answer_type; /* of it */
	struct buffer			   headers;		/* more of the answer: each a name with its colon, and a value */
	unsigned				   retry_after; /* seconds after which to try again; 0: not told */
	const struct http_handler *handler;		/* whose it is */
	void					  *work;		/* the handler's */
	void (*abandon)(void *work);			/* ends it; NULL: nothing to end */
};

/*
 * The headers are there; the body, if any, is still to come.  The request is kept
 * in "place", which is the socket's, and told there of all that follows.  Both
 * return what the callback must.
 */
int http_start(struct http_request **place, struct lws *wsi, struct loop *loop,
			   const char *path, const struct http_handler *handler);
int http_event(struct http_request **place, int reason, const void *in, size_t length);

/* Before it is answered: one more header, "name:" in small letters. */
void http_add_header(struct http_request *request, const char *name, const char *value);

void http_answer(struct http_request *request, unsigned status, struct slice json);

/* {"message": text} */
void http_answer_message(struct http_request *request, unsigned status, const char *text);

#endif
