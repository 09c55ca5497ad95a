/*
 * probe_check.c
 *		One health check of one provider, without blocking.
 *
 * TLS runs over two buffers in memory: what comes from the socket goes into one,
 * what is in the other goes to the socket.
 */
#include "probe_check.h"

#include <stdlib.h>

#include "memory.h"

#define STUN_AGAIN_MS 500
#define RECEIVE_BYTES 4096

struct probe_check
{
	uv_loop_t		   *uv;		   /* where it runs */
	struct probe_target target;	   /* what it asks whom */
	probe_callback		callback;  /* NULL: it is over, or nobody wants to know */
	void			   *owner;	   /* its first argument */
	uint64_t			deadline;  /* loop time */
	uint64_t			asked_at;  /* loop time at which the name was known; 0: it is not */
	uv_timer_t			timer;	   /* ends it, and repeats what UDP may have lost */
	uv_getaddrinfo_t	resolver;  /* looks the name up */
	uv_connect_t		connector; /* of TCP */
	union
	{
		uv_handle_t handle;
		uv_stream_t stream;
		uv_tcp_t	tcp;
		uv_udp_t	udp;
	} socket;
	bool		  has_socket;				  /* and it must be closed */
	unsigned	  pending;					  /* callbacks without which it cannot be freed */
	SSL			 *ssl;						  /* NULL: not encrypted */
	BIO			 *incoming;					  /* the SSL's: from the socket */
	BIO			 *outgoing;					  /* the SSL's: to the socket */
	bool		  requested;				  /* the HTTP request was written */
	char		  answer[PROBE_STATUS_BYTES]; /* beginning of the HTTP answer */
	size_t		  answered;					  /* bytes of it */
	unsigned char stun[PROBE_STUN_BYTES];	  /* the request */
	char		  received[RECEIVE_BYTES];	  /* what the socket just gave */
};

/* Bytes on their way out, with the request that libuv wants. */
struct outgoing
{
	uv_write_t request;
	char	   bytes[];
};

static void
release(struct probe_check *check)
{
	if (--check->pending > 0)
		return;
	SSL_free(check->ssl);
	free(check);
}

static void
on_closed(uv_handle_t *handle)
{
	release(handle->data);
}

static void
close_all(struct probe_check *check)
{
	check->callback = NULL;
	uv_cancel((uv_req_t *) &check->resolver);
	uv_close((uv_handle_t *) &check->timer, on_closed);
	if (check->has_socket)
		uv_close(&check->socket.handle, on_closed);
}

/* It is known whether it is there. */
static void
finish(struct probe_check *check, const char *wrong)
{
	const probe_callback callback = check->callback;

	if (callback == NULL)
		return;
	close_all(check);
	callback(check->owner, wrong,
			 check->asked_at != 0 ? (unsigned) (uv_now(check->uv) - check->asked_at) : 0);
}

void
probe_check_stop(struct probe_check *check)
{
	close_all(check);
}

static void
on_allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
	struct probe_check *check = handle->data;

	(void) suggested;
	*buffer = uv_buf_init(check->received, sizeof(check->received));
}

/* ------------------------------------------------------------- TCP and HTTP */

static void
on_written(uv_write_t *request, int status)
{
	struct probe_check *check = request->handle->data;

	if (status < 0)
		finish(check, "cannot write");
	free(request->data);
}

static void
write_bytes(struct probe_check *check, struct slice bytes)
{
	struct outgoing *outgoing = memory_new(sizeof(*outgoing) + bytes.length);
	const uv_buf_t	 buffer = uv_buf_init(outgoing->bytes, (unsigned) bytes.length);

	memcpy(outgoing->bytes, bytes.data, bytes.length);
	outgoing->request.data = outgoing;
	if (uv_write(&outgoing->request, &check->socket.stream, &buffer, 1, on_written) == 0)
		return;
	free(outgoing);
	finish(check, "cannot write");
}

/* What TLS has for the socket. */
static void
flush_tls(struct probe_check *check)
{
	char *bytes;
	long  length = BIO_get_mem_data(check->outgoing, &bytes);

	if (length > 0)
		write_bytes(check, slice_of(bytes, (size_t) length));
	(void) BIO_reset(check->outgoing);
}

static void
take_answer(struct probe_check *check, struct slice bytes)
{
	const size_t room = sizeof(check->answer) - check->answered;
	const size_t length = bytes.length < room ? bytes.length : room;

	memcpy(check->answer + check->answered, bytes.data, length);
	check->answered += length;
	if (check->answered == sizeof(check->answer))
		finish(check, probe_http_good(check->answer) ? NULL : "bad status");
}

static void
request_page(struct probe_check *check)
{
	struct buffer request = {0};

	check->requested = true;
	probe_http_request(&check->target, &request);
	if (check->ssl == NULL)
		write_bytes(check, buffer_slice(&request));
	else if (SSL_write(check->ssl, request.data, (int) request.length) <= 0)
		finish(check, "cannot write");
	buffer_free(&request);
}

/* Go on as far as what has come allows. */
static void
run_tls(struct probe_check *check)
{
	char bytes[PROBE_STATUS_BYTES];
	int	 result;

	if (!SSL_is_init_finished(check->ssl))
	{
		result = SSL_do_handshake(check->ssl);
		flush_tls(check);
		if (result <= 0 && SSL_get_error(check->ssl, result) != SSL_ERROR_WANT_READ)
			finish(check, "no TLS, or no good certificate");
		if (result <= 0)
			return;
	}
	if (!check->requested)
		request_page(check);
	result = SSL_read(check->ssl, bytes, sizeof(bytes));
	flush_tls(check);
	if (result > 0)
		take_answer(check, slice_of(bytes, (size_t) result));
	else if (SSL_get_error(check->ssl, result) != SSL_ERROR_WANT_READ)
		finish(check, "ended too early");
}

static void
on_read(uv_stream_t *stream, ssize_t length, const uv_buf_t *buffer)
{
	struct probe_check *check = stream->data;

	if (check->callback == NULL || length == 0)
		return;
	if (length < 0)
		finish(check, "ended too early");
	else if (check->ssl == NULL)
		take_answer(check, slice_of(buffer->base, (size_t) length));
	else if (BIO_write(check->incoming, buffer->base, (int) length) == (int) length)
		run_tls(check);
	else
		finish(check, "out of memory");
}

static void
on_connected(uv_connect_t *connector, int status)
{
	struct probe_check *check = connector->data;

	if (check->callback == NULL)
		return;
	if (status < 0)
		finish(check, uv_strerror(status));
	else if (check->target.kind == PROBE_TCP)
		finish(check, NULL);
	else if (uv_read_start(&check->socket.stream, on_allocate, on_read) != 0)
		finish(check, "cannot read");
	else if (check->ssl != NULL)
		run_tls(check);
	else
		request_page(check);
}

static void
connect_tcp(struct probe_check *check, const struct sockaddr *address)
{
	uv_tcp_init(check->uv, &check->socket.tcp);
	check->socket.handle.data = check;
	check->has_socket = true;
	check->pending++;
	check->connector.data = check;
	if (uv_tcp_connect(&check->connector, &check->socket.tcp, address, on_connected) != 0)
		finish(check, "cannot connect");
}

/* --------------------------------------------------------------------- STUN */

static void
on_datagram(uv_udp_t *udp, ssize_t length, const uv_buf_t *buffer,
			const struct sockaddr *from, unsigned flags)
{
	struct probe_check *check = udp->data;

	(void) flags;
	if (check->callback == NULL || (length == 0 && from == NULL))
		return;
	if (length < 0)
		finish(check, uv_strerror((int) length));
	else if (probe_stun_good(check->stun, slice_of(buffer->base, (size_t) length)))
		finish(check, NULL);
}

static void
send_stun(struct probe_check *check)
{
	const uv_buf_t buffer = uv_buf_init((char *) check->stun, sizeof(check->stun));
	const int	   sent = uv_udp_try_send(&check->socket.udp, &buffer, 1, NULL);

	if (sent < 0 && sent != UV_EAGAIN)
		finish(check, uv_strerror(sent));
}

static void
start_stun(struct probe_check *check, const struct sockaddr *address)
{
	unsigned char random[PROBE_STUN_RANDOM_BYTES] = {0};

	uv_random(NULL, NULL, random, sizeof(random), 0, NULL);
	probe_stun_request(random, check->stun);
	uv_udp_init(check->uv, &check->socket.udp);
	check->socket.handle.data = check;
	check->has_socket = true;
	check->pending++;
	/* Then the kernel drops what others send, and tells that nobody is there. */
	if (uv_udp_connect(&check->socket.udp, address) != 0 ||
		uv_udp_recv_start(&check->socket.udp, on_allocate, on_datagram) != 0)
		finish(check, "cannot connect");
	else
		send_stun(check);
}

/* -------------------------------------------------------------------- start */

static void
on_timer(uv_timer_t *timer)
{
	struct probe_check *check = timer->data;

	if (uv_now(check->uv) >= check->deadline)
		finish(check, "no answer in time");
	else if (check->target.kind == PROBE_STUN && check->has_socket)
		send_stun(check);
}

/* IPv4 if there is any: more of the callers can reach that. */
static const struct sockaddr *
choose(const struct addrinfo *addresses)
{
	const struct addrinfo *one = addresses;

	while (one->ai_family != AF_INET && one->ai_next != NULL)
		one = one->ai_next;
	return one->ai_family == AF_INET ? one->ai_addr : addresses->ai_addr;
}

static void
on_resolved(uv_getaddrinfo_t *resolver, int status, struct addrinfo *addresses)
{
	struct probe_check *check = resolver->data;

	if (check->callback != NULL && status == 0 && addresses != NULL)
	{
		check->asked_at = uv_now(check->uv);
		if (check->target.kind == PROBE_STUN)
			start_stun(check, choose(addresses));
		else
			connect_tcp(check, choose(addresses));
	}
	else if (check->callback != NULL)
		finish(check, uv_strerror(status));
	uv_freeaddrinfo(addresses);
	release(check);
}

/* A certificate of this very host, or none. */
static bool
prepare_tls(struct probe_check *check, SSL_CTX *tls)
{
	check->ssl = SSL_new(tls);
	check->incoming = BIO_new(BIO_s_mem());
	check->outgoing = BIO_new(BIO_s_mem());
	if (check->ssl == NULL || check->incoming == NULL || check->outgoing == NULL)
		return false;
	SSL_set_bio(check->ssl, check->incoming, check->outgoing);
	SSL_set_connect_state(check->ssl);
	return SSL_set_tlsext_host_name(check->ssl, check->target.host) == 1 &&
		   SSL_set1_host(check->ssl, check->target.host) == 1;
}

struct probe_check *
probe_check_start(uv_loop_t *uv, const struct probe_target *target, SSL_CTX *tls,
				  uint64_t timeout_ms, probe_callback callback, void *owner)
{
	struct probe_check	 *check = memory_new(sizeof(*check));
	const struct addrinfo hints = {
		.ai_socktype = target->kind == PROBE_STUN ? SOCK_DGRAM : SOCK_STREAM};

	check->uv = uv;
	check->target = *target;
	check->callback = callback;
	check->owner = owner;
	check->deadline = uv_now(uv) + timeout_ms;
	check->pending = 1;
	check->timer.data = check;
	check->resolver.data = check;
	uv_timer_init(uv, &check->timer);
	uv_timer_start(&check->timer, on_timer, STUN_AGAIN_MS, STUN_AGAIN_MS);
	if (target->kind == PROBE_HTTPS && !prepare_tls(check, tls))
		check->deadline = 0;
	if (uv_getaddrinfo(uv, &check->resolver, on_resolved, target->host, target->port,
					   &hints) == 0)
		check->pending++;
	else
		check->deadline = 0;
	return check;
}
