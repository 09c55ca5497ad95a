/*
 * acceptor.c
 *		The listening socket: hands each new connection to whoever wants it.
 *
 * libwebsockets could listen by itself, but would neither say why it cannot nor
 * stop accepting while the open connections are being closed.
 */
#include "acceptor.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"

#define BACKLOG 4096

/* So many in a row before others have their turn. */
#define ACCEPT_AT_ONCE 64

static void on_readable(uv_poll_t *poll, int status, int events);

static void
log_failure(const char *host, const char *port, const char *what, const char *why)
{
	log_error("server", "event=cannot_listen address=%s port=%s call=%s reason=%s",
			  log_text(host), log_text(port), what, log_text(why));
}

/* A listening socket for the address, or -1 and the call that failed. */
static int
listen_at(const struct addrinfo *address, const char **call)
{
	const int on = 1;
	int		  fd;

	*call = "socket";
	fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (address->ai_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	*call = "bind";
	if (bind(fd, address->ai_addr, address->ai_addrlen) == 0)
	{
		*call = "listen";
		if (listen(fd, BACKLOG) == 0)
			return fd;
	}
	close(fd);
	return -1;
}

static void
log_listening(int fd)
{
	struct sockaddr_storage address;
	socklen_t				length = sizeof(address);
	char					host[NI_MAXHOST] = "?";
	char					port[NI_MAXSERV] = "?";

	if (getsockname(fd, (struct sockaddr *) &address, &length) == 0)
		getnameinfo((struct sockaddr *) &address, length, host, sizeof(host),
					port, sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV);
	log_info("server", "event=listening address=%s port=%s", host, port);
}

bool
acceptor_start(struct acceptor *acceptor, uv_loop_t *uv, const char *host,
			   const char *port)
{
	const struct addrinfo hints = {
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICSERV | AI_PASSIVE,
	};
	struct addrinfo *addresses;
	const char		*call;
	int				 error = getaddrinfo(host, port, &hints, &addresses);

	acceptor->socket = -1;
	if (error != 0)
	{
		log_failure(host, port, "getaddrinfo", gai_strerror(error));
		return false;
	}
	acceptor->socket = listen_at(addresses, &call);
	if (acceptor->socket < 0)
		log_failure(host, port, call, strerror(errno));
	freeaddrinfo(addresses);
	if (acceptor->socket < 0)
		return false;
	uv_poll_init(uv, &acceptor->poll, acceptor->socket);
	acceptor->poll.data = acceptor;
	uv_poll_start(&acceptor->poll, UV_READABLE, on_readable);
	log_listening(acceptor->socket);
	return true;
}

/*
 * Without a descriptor the connection cannot even be refused: it stays in the
 * queue, and looking at it again at once would keep the processor busy.
 */
static void
pause_accepting(struct acceptor *acceptor)
{
	log_warning("server", "event=accept_paused reason=%s", log_text(strerror(errno)));
	acceptor->paused = true;
	uv_poll_stop(&acceptor->poll);
}

static void
on_readable(uv_poll_t *poll, int status, int events)
{
	struct acceptor *acceptor = poll->data;
	const int		 on = 1;

	(void) status;
	(void) events;
	for (int i = 0; i < ACCEPT_AT_ONCE; i++)
	{
		int fd = accept4(acceptor->socket, NULL, NULL,
						 SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0)
		{
			if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
				errno == ENOMEM)
				pause_accepting(acceptor);
			return;
		}
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		acceptor->accepted(acceptor->owner, fd);
	}
}

void
acceptor_tick(struct acceptor *acceptor)
{
	if (!acceptor->paused || acceptor->socket < 0)
		return;
	acceptor->paused = false;
	uv_poll_start(&acceptor->poll, UV_READABLE, on_readable);
}

void
acceptor_stop(struct acceptor *acceptor)
{
	if (acceptor->socket < 0)
		return;
	uv_poll_stop(&acceptor->poll);
	uv_close((uv_handle_t *) &acceptor->poll, NULL);
	close(acceptor->socket);
	acceptor->socket = -1;
}
