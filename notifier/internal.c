/*
 * internal.c
 *		The internal port: how we are, for machines, and the operator's page.
 */
#include "internal.h"

#include "health.h"
#include "loop.h"
#include "pages.h"

static int
answer_metrics(struct lws *wsi, struct loop *loop)
{
	struct buffer text = {0};
	int			  result;

	health_print(loop, &text);
	result = server_answer(wsi, HTTP_STATUS_OK, "text/plain; version=0.0.4",
						   buffer_slice(&text));
	buffer_free(&text);
	return result;
}

static int
answer_ready(struct lws *wsi, const struct loop *loop)
{
	const char	 *reason = health_problem_of_all(loop);
	struct buffer text = {0};
	int			  result;

	if (reason != NULL)
		buffer_append_text(&text, "not ");
	buffer_append_text(&text, "ready");
	if (reason != NULL)
	{
		buffer_append_text(&text, ": ");
		buffer_append_text(&text, reason);
	}
	buffer_append_byte(&text, '\n');
	result = server_answer(wsi, reason == NULL ? HTTP_STATUS_OK : HTTP_STATUS_SERVICE_UNAVAILABLE,
						   "text/plain", buffer_slice(&text));
	buffer_free(&text);
	return result;
}

static int
handle_http(struct lws *wsi, struct http_request **place, const char *path)
{
	struct loop *loop = server_loop(wsi);
	int			 result;

	if (loop->operations != NULL && operator_wants(path))
		return http_start(place, wsi, loop, path, &operator_handler);

	if (lws_hdr_total_length(wsi, WSI_TOKEN_GET_URI) > 0)
	{
		if (strcmp(path, "/metrics") == 0)
			return answer_metrics(wsi, loop);
		if (strcmp(path, "/readyz") == 0)
			return answer_ready(wsi, loop);
		if (strcmp(path, "/healthz") == 0)
			return server_answer(wsi, HTTP_STATUS_OK, "text/plain", SLICE("ok\n"));
	}
	if (pages_serve(wsi, loop->started->options.operator_pages, PAGES_OF_OPERATOR, path, &result))
		return result;
	return server_answer(wsi, HTTP_STATUS_NOT_FOUND, "text/plain", SLICE("not found\n"));
}

static int
on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user,
		 void *in, size_t length)
{
	switch (reason)
	{
		case LWS_CALLBACK_HTTP:
			return handle_http(wsi, user, in);
		case LWS_CALLBACK_HTTP_BODY:
		case LWS_CALLBACK_HTTP_BODY_COMPLETION:
		case LWS_CALLBACK_HTTP_WRITEABLE:
		case LWS_CALLBACK_CLOSED_HTTP:
		case LWS_CALLBACK_HTTP_DROP_PROTOCOL:
			return user != NULL ? http_event(user, reason, in, length) : 0;
		case LWS_CALLBACK_HTTP_FILE_COMPLETION:
		case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
			return -1;
		default:
			return 0;
	}
}

const struct lws_protocols internal_protocols[] = {
	{
		.name = "internal",
		.callback = on_event,
		.per_session_data_size = sizeof(struct http_request *),
	},
	{.name = NULL}};
