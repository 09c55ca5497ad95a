/*
 * websocket.c
 *		Upgrades, and what comes in by a websocket.
 *
 * Any token, or none, may open a connection: a client never sees why an upgrade
 * was refused, but shows the reason why a join was.
 */
#include "websocket.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include "connection.h"
#include "json_scan.h"
#include "log.h"
#include "loop.h"
#include "server.h"

/* So much payload in a read, which has headers too, means that it was a full one. */
#define FULL_READ_BYTES (WEBSOCKET_READ_BYTES - 64)

#define API_KEY_HEADER "x-api-key:"

#define HTTP_STATUS_TOO_MANY 429
#define TOO_MANY			 "{\"error\":\"Too many connected users\"}"

/* "~> 1.0.0" and "~> 2.0.0"; who says nothing means the first. */
static bool
read_version(struct lws *wsi, enum phoenix_version *version)
{
	/* The search ends at the first argument that does not fit: a token may. */
	char		buffer[SERVER_HEADER_MAX_BYTES];
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

int
websocket_confirm(struct lws *wsi, const char *to)
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
	return server_answer(wsi, status, "text/plain", status == HTTP_STATUS_TOO_MANY ? SLICE(TOO_MANY) : SLICE("refused\n")) < 0 ? -1 : 1;
}

/* The header wins over the URL.  NULL if there is neither. */
static struct shared_text *
read_api_key(struct lws *wsi)
{
	char		buffer[SERVER_HEADER_MAX_BYTES];
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
handle_established(struct lws *wsi, struct connection **connection)
{
	enum phoenix_version version;

	if (!read_version(wsi, &version))
		return -1;
	*connection = connection_new(server_loop(wsi), wsi, version);
	(*connection)->apikey = read_api_key(wsi);
	(*connection)->place = use_place(wsi);
	log_opened(wsi, *connection);
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

int
websocket_event(struct lws *wsi, enum lws_callback_reasons reason,
				struct connection **connection, void *in, size_t length)
{
	if (reason == LWS_CALLBACK_ESTABLISHED)
		return handle_established(wsi, connection);
	if (*connection == NULL)
		return 0;
	switch (reason)
	{
		case LWS_CALLBACK_RECEIVE:
			handle_receive(wsi, *connection, in, length);
			return 0;
		case LWS_CALLBACK_RECEIVE_PONG:
			connection_heard(*connection);
			return 0;
		case LWS_CALLBACK_SERVER_WRITEABLE:
			connection_writeable(*connection);
			return 0;
		case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
			return handle_peer_close(wsi, *connection, in, length);
		case LWS_CALLBACK_CLOSED:
			connection_free(*connection);
			*connection = NULL;
			return 0;
		default:
			return 0;
	}
}

void
websocket_destroyed(struct lws *wsi)
{
	struct tally *place = use_place(wsi);

	if (place != NULL)
		limiter_leave(&server_loop(wsi)->limiter, place);
}
