/*
 * server.c
 *		libwebsockets: HTTP requests, websocket upgrades and what follows.
 *
 * Any token, or none, may open a connection: a client never sees why an upgrade
 * was refused, but shows the reason why a join was.
 */
#include "server.h"

#include <libwebsockets.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "connection.h"
#include "http.h"
#include "internal.h"
#include "json_scan.h"
#include "log.h"
#include "loop.h"
#include "memory.h"
#include "pages.h"
#include "rest.h"
#include "rpc.h"

/* A token in the URL may have 5 KB and more. */
#define HEADER_MAX_BYTES	 16384
#define SERVICE_BUFFER_BYTES 32768
#define RECEIVE_BUFFER_BYTES 512

/* So much payload in a read, which has headers too, means that it was a full one. */
#define FULL_READ_BYTES (RECEIVE_BUFFER_BYTES - 64)

#define API_KEY_HEADER	  "x-api-key:"
#define WEBSOCKET_VERSION "13"

#define HTTP_STATUS_UPGRADE_REQUIRED 426
#define HTTP_STATUS_TOO_MANY		 429
#define HEAD_MAX_BYTES				 1024
#define TOO_MANY					 "{\"error\":\"Too many connected users\"}"

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

/* "~> 1.0.0" and "~> 2.0.0"; who says nothing means the first. */
static bool
read_version(struct lws *wsi, enum phoenix_version *version)
{
	/* The search ends at the first argument that does not fit: a token may. */
	char		buffer[HEADER_MAX_BYTES];
	const char *wanted = lws_get_urlarg_by_name(wsi, "vsn=", buffer, sizeof(buffer));

	*version = PHOENIX_V1;
	if (wanted == NULL)
		return true;
	if (strncmp(wanted, "2.0.", 4) == 0)
		*version = PHOENIX_V2;
	else if (strncmp(wanted, "1.0.", 4) != 0)
		return false;
	return wanted[4] != '\0' && strspn(wanted + 4, "0123456789") == strlen(wanted + 4);
}

static bool
is_websocket_path(struct lws *wsi)
{
	char path[64];

	return lws_hdr_copy(wsi, path, sizeof(path), WSI_TOKEN_GET_URI) > 0 &&
		   (strcmp(path, "/realtime/v1/websocket") == 0 ||
			strcmp(path, "/socket/websocket") == 0);
}

/* libwebsockets knows the drafts as well. */
static bool
is_websocket_version(struct lws *wsi)
{
	char version[4];

	return lws_hdr_copy(wsi, version, sizeof(version), WSI_TOKEN_VERSION) > 0 &&
		   strcmp(version, WEBSOCKET_VERSION) == 0;
}

/* What a limit for addresses counts as one: an IPv4 address or an IPv6 /64. */
static struct slice
address_of(struct lws *wsi, struct sockaddr_in6 *address)
{
	socklen_t length = sizeof(*address);

	*address = (struct sockaddr_in6){0};
	if (getpeername(lws_get_socket_fd(wsi), (struct sockaddr *) address, &length) != 0)
		return SLICE("");
	if (address->sin6_family != AF_INET6)
		return slice_of((const char *) &((struct sockaddr_in *) address)->sin_addr,
						sizeof(struct in_addr));
	if (IN6_IS_ADDR_V4MAPPED(&address->sin6_addr))
		return slice_of((const char *) &address->sin6_addr + 12, sizeof(struct in_addr));
	return slice_of((const char *) &address->sin6_addr, 8);
}

/*
 * One of the places that there are.  It has it before it is told that it may come:
 * whoever was told is not cut off for one that came later, to another loop.
 */
static bool
take_place(struct lws *wsi)
{
	struct sockaddr_in6 address;
	struct tally	   *place = limiter_enter(&server_loop(wsi)->limiter, address_of(wsi, &address));

	lws_set_opaque_user_data(wsi, place);
	return place != NULL;
}

/* Whoever asked for it has it from now on. */
static struct tally *
use_place(struct lws *wsi)
{
	struct tally *place = lws_get_opaque_user_data(wsi);

	lws_set_opaque_user_data(wsi, NULL);
	return place;
}

/* Decide before anything is upgraded.  Zero: go on. */
static int
confirm_upgrade(struct lws *wsi, const char *to)
{
	enum phoenix_version version;
	unsigned			 status = 0;

	if (strcmp(to, "websocket") != 0)
		return -1;
	if (!is_websocket_path(wsi))
		status = HTTP_STATUS_NOT_FOUND;
	else if (!is_websocket_version(wsi))
		status = HTTP_STATUS_UPGRADE_REQUIRED;
	else if (!read_version(wsi, &version))
		status = HTTP_STATUS_FORBIDDEN;
	else if (server_loop(wsi)->stopping)
		status = HTTP_STATUS_SERVICE_UNAVAILABLE;
	else if (!take_place(wsi))
		status = HTTP_STATUS_TOO_MANY;
	if (status == 0)
		return 0;
	metrics_add(&server_loop(wsi)->metrics, METRIC_CONNECTIONS_REFUSED, 1);
	return answer(wsi, status, status == HTTP_STATUS_TOO_MANY ? TOO_MANY : "refused\n") < 0 ? -1 : 1;
}

/* The header wins over the URL.  NULL if there is neither. */
static struct shared_text *
read_api_key(struct lws *wsi)
{
	char		buffer[HEADER_MAX_BYTES];
	const int	name_length = sizeof(API_KEY_HEADER) - 1;
	const char *key = NULL;

	if (lws_hdr_custom_length(wsi, API_KEY_HEADER, name_length) > 0 &&
		lws_hdr_custom_copy(wsi, buffer, sizeof(buffer), API_KEY_HEADER,
							name_length) > 0)
		key = buffer;
	else
		key = lws_get_urlarg_by_name(wsi, "apikey=", buffer, sizeof(buffer));
	return key != NULL ? shared_text_hold(&server_loop(wsi)->apikeys, slice_text(key)) : NULL;
}

static void
log_opened(struct lws *wsi, const struct connection *connection)
{
	char peer[64] = "";

	if (!log_enabled(LOG_LEVEL_INFO))
		return;
	lws_get_peer_simple(wsi, peer, sizeof(peer));
	log_info("connection", "id=%llu event=opened peer=%s version=%d apikey=%s loop=%u",
			 (unsigned long long) connection->id, log_text(peer),
			 connection->version == PHOENIX_V1 ? 1 : 2,
			 connection->apikey != NULL ? "given" : "none", connection->loop->index);
}

/* Headers are gone after this, so take what is needed. */
static int
handle_established(struct lws *wsi, struct session_data *data)
{
	enum phoenix_version version;
	struct connection	*connection;

	if (!read_version(wsi, &version))
		return -1;
	connection = connection_new(server_loop(wsi), wsi, version);
	connection->apikey = read_api_key(wsi);
	connection->place = use_place(wsi);
	data->connection = connection;
	log_opened(wsi, connection);
	return 0;
}

/* One who sent so much at once probably sent more. */
static void
expect_more(struct connection *connection, size_t length)
{
	struct loop *loop = connection->loop;

	if (loop->reading != connection)
		loop->reading_bytes = 0;
	loop->reading = connection;
	loop->reading_bytes += length;
	if (loop->reading_bytes >= FULL_READ_BYTES)
		list_add(&loop->unread, &connection->unread);
}

static void
handle_receive(struct lws *wsi, struct connection *connection,
			   const void *bytes, size_t length)
{
	const size_t rest = lws_remaining_packet_payload(wsi);

	loop_before_input(connection->loop);
	expect_more(connection, length);
	connection_heard(connection);
	connection_receive(connection, slice_of(bytes, length), rest,
					   lws_is_final_fragment(wsi) && rest == 0,
					   lws_frame_is_binary(wsi) != 0);
}

/*
 * What is wrong with the payload of a close frame (RFC 6455 sections 5.5.1 and
 * 7.4)?  Zero, or the code to fail with.  libwebsockets has looked at codes below
 * 3000 already.
 */
static unsigned
check_close(const unsigned char *bytes, size_t length)
{
	if (length == 0)
		return 0;
	if (length == 1 || (unsigned) (bytes[0] << 8 | bytes[1]) >= CLOSE_CODES_END)
		return CLOSE_PROTOCOL;
	return utf8_valid(slice_of((const char *) bytes + 2, length - 2)) ? 0 : CLOSE_NOT_TEXT;
}

/*
 * The peer says goodbye; the first two bytes are its code.  If it answers our
 * own farewell the socket may go; otherwise libwebsockets answers first, with
 * what it was sent, unless that was wrong.
 */
static int
handle_peer_close(struct lws *wsi, struct connection *connection,
				  const unsigned char *bytes, size_t length)
{
	const unsigned wrong = check_close(bytes, length);

	connection_peer_closed(connection, length >= 2
										   ? (unsigned) (bytes[0] << 8 | bytes[1])
										   : LWS_CLOSE_STATUS_NO_STATUS);
	if (connection->state == CONNECTION_CLOSING)
	{
		/* Both said it at once, or ours has not left yet. */
		connection_flush(connection);
		return -1;
	}
	if (wrong == 0)
		return 0;
	lws_close_reason(wsi, (enum lws_close_status) wrong, NULL, 0);
	return -1;
}

/* A websocket's events.  -1 closes it. */
static int
handle_websocket(struct lws *wsi, enum lws_callback_reasons reason,
				 struct session_data *data, void *in, size_t length)
{
	if (data == NULL || data->connection == NULL)
		return 0;
	switch (reason)
	{
		case LWS_CALLBACK_RECEIVE:
			handle_receive(wsi, data->connection, in, length);
			return 0;
		case LWS_CALLBACK_RECEIVE_PONG:
			connection_heard(data->connection);
			return 0;
		case LWS_CALLBACK_SERVER_WRITEABLE:
			connection_writeable(data->connection);
			return 0;
		case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
			return handle_peer_close(wsi, data->connection, in, length);
		case LWS_CALLBACK_CLOSED:
			connection_free(data->connection);
			data->connection = NULL;
			return 0;
		default:
			return 0;
	}
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
	struct loop	 *loop = server_loop(wsi);
	struct tally *place = use_place(wsi);

	atomic_fetch_sub(&loop->sockets, 1);
	/* It failed on the way. */
	if (place != NULL)
		limiter_leave(&loop->limiter, place);
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
			return confirm_upgrade(wsi, in);
		case LWS_CALLBACK_ESTABLISHED:
			return handle_established(wsi, user);
		case LWS_CALLBACK_RECEIVE:
		case LWS_CALLBACK_RECEIVE_PONG:
		case LWS_CALLBACK_SERVER_WRITEABLE:
		case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
		case LWS_CALLBACK_CLOSED:
			return handle_websocket(wsi, reason, user, in, length);
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
		.rx_buffer_size = RECEIVE_BUFFER_BYTES,
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
		.max_http_header_data = HEADER_MAX_BYTES,
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
