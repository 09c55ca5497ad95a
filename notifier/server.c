/*
 * server.c
 *		libwebsockets: sockets, and the HTTP that comes in by them.
 */
#include "server.h"

#include <libwebsockets.h>
#include <stdlib.h>

#include "connection.h"
#include "http.h"
#include "internal.h"
#include "log.h"
#include "loop.h"
#include "memory.h"
#include "pages.h"
#include "rest.h"
#include "rpc.h"
#include "websocket.h"

#define SERVICE_BUFFER_BYTES 32768
#define HEAD_MAX_BYTES		 1024

struct server
{
	struct loop		   *loop;	  /* whose server */
	struct lws_context *context;  /* NULL once it is destroyed */
	struct lws_vhost   *vhost;	  /* adopts the sockets of clients */
	struct lws_vhost   *internal; /* and those of the internal port */
	SSL_CTX			   *ssl;	  /* of the clients' handshakes; NULL: no TLS */
	SSL_CTX			   *unused;	  /* for handshakes of our own, of which there are none */
};

/* What libwebsockets keeps for us with each socket. */
struct session_data
{
	struct connection	*connection; /* NULL until it is established */
	struct http_request *request;	 /* NULL unless there is one under way */
};

struct loop *
server_loop(struct lws *wsi)
{
	const struct server *server = lws_context_user(lws_get_context(wsi));

	return server->loop;
}

/* The version that whoever asked for another one should ask for. */
static bool
add_version(struct lws *wsi, unsigned char **at, unsigned char *end)
{
	return lws_add_http_header_by_token(wsi, WSI_TOKEN_VERSION,
										(const unsigned char *) WEBSOCKET_VERSION,
										sizeof(WEBSOCKET_VERSION) - 1, at, end) == 0;
}

int
server_answer(struct lws *wsi, unsigned status, const char *type, struct slice body)
{
	unsigned char *buffer = memory_resize(NULL, LWS_PRE + HEAD_MAX_BYTES + body.length, 1);
	unsigned char *start = buffer + LWS_PRE;
	unsigned char *at = start;
	unsigned char *end = start + HEAD_MAX_BYTES;
	const bool	   is_get = lws_hdr_total_length(wsi, WSI_TOKEN_GET_URI) > 0;
	bool		   good;

	good = lws_add_http_common_headers(wsi, status, type, body.length, &at, end) == 0 &&
		   (status != HTTP_STATUS_UPGRADE_REQUIRED || add_version(wsi, &at, end)) &&
		   lws_finalize_http_header(wsi, &at, end) == 0;
	if (good)
	{
		if (lws_hdr_total_length(wsi, WSI_TOKEN_HEAD_URI) == 0)
		{
			memcpy(at, body.data, body.length);
			at += body.length;
		}
		good = lws_write(wsi, start, (size_t) (at - start), LWS_WRITE_HTTP_FINAL) >= 0;
	}
	free(buffer);
	if (!good)
		return -1;
	return is_get ? lws_http_transaction_completed(wsi) : -1;
}

static int
answer(struct lws *wsi, unsigned status, const char *body)
{
	return server_answer(wsi, status, "text/plain", slice_text(body));
}

/* Whoever's the path is handles it. */
static void
handle_whole(struct http_request *request)
{
	if (rpc_wants(request->path))
		rpc_handle(request);
	else
		rest_handle(request);
}

static bool
refuse_early(struct http_request *request)
{
	return rpc_wants(request->path) ? rpc_refuse_early(request) : rest_refuse_early(request);
}

static const struct http_handler api = {.refuse_early = refuse_early, .handle = handle_whole};

static int
handle_http(struct lws *wsi, struct session_data *data, const char *path)
{
	int result;

	if (rest_wants(path) || rpc_wants(path))
		return http_start(&data->request, wsi, server_loop(wsi), path, &api);
	if (lws_hdr_total_length(wsi, WSI_TOKEN_GET_URI) > 0 && strcmp(path, "/healthcheck") == 0)
		return answer(wsi, HTTP_STATUS_OK, "ok");
	if (pages_serve(wsi, server_loop(wsi)->started->options.pages, PAGES_OF_CLIENTS, path, &result))
		return result;
	if (lws_hdr_total_length(wsi, WSI_TOKEN_GET_URI) > 0 && strcmp(path, "/") == 0)
		return answer(wsi, HTTP_STATUS_OK, "harthio-notifier " HARTHIO_VERSION "\n");
	return answer(wsi, HTTP_STATUS_NOT_FOUND, "not found\n");
}

/* libwebsockets has made the context for our certificate. */
static int
handle_ssl_context(struct lws *wsi, SSL_CTX *ssl)
{
	struct server *server = lws_context_user(lws_get_context(wsi));

	server->ssl = ssl;
	return tls_use(server->loop->started->tls, ssl) ? 0 : -1;
}

static int
handle_destroyed(struct lws *wsi)
{
	atomic_fetch_sub(&server_loop(wsi)->sockets, 1);
	websocket_destroyed(wsi);
	return 0;
}

static int
on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user,
		 void *in, size_t length)
{
	switch (reason)
	{
		case LWS_CALLBACK_OPENSSL_LOAD_EXTRA_SERVER_VERIFY_CERTS:
			return handle_ssl_context(wsi, user);
		case LWS_CALLBACK_WSI_CREATE:
			atomic_fetch_add(&server_loop(wsi)->sockets, 1);
			return 0;
		case LWS_CALLBACK_WSI_DESTROY:
			return handle_destroyed(wsi);
		case LWS_CALLBACK_HTTP:
			return handle_http(wsi, user, in);
		case LWS_CALLBACK_HTTP_FILE_COMPLETION:
			return -1;
		case LWS_CALLBACK_HTTP_BODY:
		case LWS_CALLBACK_HTTP_BODY_COMPLETION:
		case LWS_CALLBACK_HTTP_WRITEABLE:
		case LWS_CALLBACK_CLOSED_HTTP:
		case LWS_CALLBACK_HTTP_DROP_PROTOCOL:
			return user != NULL ? http_event(&((struct session_data *) user)->request, reason, in, length) : 0;
		case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
			return websocket_confirm(wsi, in);
		case LWS_CALLBACK_ESTABLISHED:
		case LWS_CALLBACK_RECEIVE:
		case LWS_CALLBACK_RECEIVE_PONG:
		case LWS_CALLBACK_SERVER_WRITEABLE:
		case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
		case LWS_CALLBACK_CLOSED:
			return user != NULL ? websocket_event(wsi, reason, &((struct session_data *) user)->connection, in, length) : 0;
		default:
			return 0;
	}
}

/* Phoenix's clients either ask for no protocol or for this one. */
static const struct lws_protocols protocols[] = {
	{
		.name = "phoenix",
		.callback = on_event,
		.per_session_data_size = sizeof(struct session_data),
		.rx_buffer_size = WEBSOCKET_READ_BYTES,
		.tx_packet_size = CONNECTION_WRITE_BYTES,
	},
	{.name = NULL}};

static void
log_library(int level, const char *line)
{
	log_client(level == LLL_ERR ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING, "lws",
			   "message=%s", log_slice(slice_of(line, strcspn(line, "\n"))));
}

/*
 * Without TLS, whatever the clients' is.  libwebsockets chooses the host of a
 * request among those that have the same port, so this one needs another.
 */
static struct lws_vhost *
make_internal(struct server *server)
{
	const struct lws_context_creation_info info = {
		.port = CONTEXT_PORT_NO_LISTEN,
		.vhost_name = "internal",
		.protocols = internal_protocols,
		.server_string = "harthio-notifier",
		.alpn = "http/1.1",
	};

	return lws_create_vhost(server->context, &info);
}

/*
 * Nobody is pinged by libwebsockets: it keeps one sorted list of all that waits,
 * and to put a connection into it walks past all others.
 */
static const lws_retry_bo_t no_pings = {0};

/*
 * With TLS libwebsockets would make something for connections of its own, with all
 * authorities of the system, and never free it, unless it is given one.
 */
static struct server *
new_server(struct loop *loop)
{
	struct server *server = memory_new(sizeof(*server));

	server->loop = loop;
	server->unused = SSL_CTX_new(TLS_client_method());
	return server;
}

struct server *
server_new(struct loop *loop)
{
	struct server *server = new_server(loop);
	void		  *loops[] = {&loop->uv};
	const uint64_t tls = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT |
						 LWS_SERVER_OPTION_CREATE_VHOST_SSL_CTX;
	const struct lws_context_creation_info info = {
		.port = CONTEXT_PORT_NO_LISTEN_SERVER,
		.protocols = protocols,
		.options = LWS_SERVER_OPTION_LIBUV | (loop->started->tls != NULL ? tls : 0),
		.foreign_loops = loops,
		.provided_client_ssl_ctx = server->unused,
		.max_http_header_data = SERVER_HEADER_MAX_BYTES,
		.pt_serv_buf_size = SERVICE_BUFFER_BYTES,
		.retry_and_idle_policy = &no_pings,
		.server_string = "harthio-notifier",
		.alpn = "http/1.1",
		.pcontext = &server->context,
		.user = server,
	};

	lws_set_log_level(LLL_ERR | LLL_WARN, log_library);
	server->context = lws_create_context(&info);
	if (server->context == NULL)
	{
		server_free(server);
		return NULL;
	}
	server->vhost = lws_get_vhost_by_name(server->context, "default");
	if (loop->index == 0)
		server->internal = make_internal(server);
	return server;
}

/* On failure libwebsockets has closed it. */
static void
adopt(struct lws_vhost *vhost, int socket)
{
	if (vhost == NULL || lws_adopt_socket_vhost(vhost, socket) == NULL)
		log_client(LOG_LEVEL_WARNING, "server", "event=not_adopted");
}

void
server_adopt(struct server *server, int socket)
{
	adopt(server->vhost, socket);
}

void
server_adopt_internal(struct server *server, int socket)
{
	adopt(server->internal, socket);
}

void
server_read(struct server *server, struct connection *connection)
{
	struct lws_pollfd readable = {
		.fd = lws_get_socket_fd(connection->wsi),
		.events = POLLIN,
		.revents = POLLIN,
	};

	lws_service_fd(server->context, &readable);
}

bool
server_use_tls(struct server *server, const struct tls *tls)
{
	return server->ssl != NULL && tls_use(tls, server->ssl);
}

void
server_stop(struct server *server)
{
	lws_context_destroy(server->context);
}

/* libwebsockets frees a context on a foreign loop only when asked once more. */
void
server_free(struct server *server)
{
	if (server == NULL)
		return;
	if (server->context != NULL)
		lws_context_destroy(server->context);
	SSL_CTX_free(server->unused);
	free(server);
}
