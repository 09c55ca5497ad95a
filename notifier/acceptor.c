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
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "log.h"

#define BACKLOG 4096

/* So many in a row before others have their turn. */
#define ACCEPT_AT_ONCE 4

static void on_readable(uv_poll_t *poll, int status, int events);

static void
log_failure(const struct address *address, const char *what, const char *why)
{
	if (address->path != NULL)
		log_error("server", "event=cannot_listen path=%s call=%s reason=%s",
				  log_text(address->path), what, log_text(why));
	else
		log_error("server", "event=cannot_listen address=%s port=%s call=%s reason=%s",
				  log_text(address->host), log_text(address->port), what, log_text(why));
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
	if (address->ai_family != AF_UNIX)
	{
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
		/* connections inherit it */
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	}
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

/*
 * One that nobody listens to was left behind by a process that was killed.  A
 * file refuses connections too, and must stay.
 */
static void
remove_stale(const struct sockaddr_un *address)
{
	struct stat about;
	int			fd;

	if (lstat(address->sun_path, &about) != 0 || !S_ISSOCK(about.st_mode))
		return;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	if (connect(fd, (const struct sockaddr *) address, sizeof(*address)) != 0 &&
		errno == ECONNREFUSED)
		unlink(address->sun_path);
	close(fd);
}

static int
listen_unix(const struct address *where, const char **call)
{
	struct sockaddr_un	  address = {.sun_family = AF_UNIX};
	const struct addrinfo info = {
		.ai_family = AF_UNIX,
		.ai_addr = (struct sockaddr *) &address,
		.ai_addrlen = sizeof(address),
	};

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", where->path);
	remove_stale(&address);
	return listen_at(&info, call);
}

static int
listen_inet(const struct address *where, const char **call, const char **why)
{
	const struct addrinfo hints = {
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICSERV | AI_PASSIVE,
	};
	struct addrinfo *addresses;
	int				 error = getaddrinfo(where->host, where->port, &hints, &addresses);
	int				 fd;

	*call = "getaddrinfo";
	*why = gai_strerror(error);
	if (error != 0)
		return -1;
	fd = listen_at(addresses, call);
	*why = strerror(errno);
	freeaddrinfo(addresses);
	return fd;
}

static void
log_listening(int fd, const struct address *where, const char *whom)
{
	struct sockaddr_storage address;
	socklen_t				length = sizeof(address);
	char					host[NI_MAXHOST] = "?";
	char					port[NI_MAXSERV] = "?";

	if (where->path != NULL)
	{
		log_info("server", "event=listening path=%s for=%s", log_text(where->path), whom);
		return;
	}
	if (getsockname(fd, (struct sockaddr *) &address, &length) == 0)
		getnameinfo((struct sockaddr *) &address, length, host, sizeof(host),
					port, sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV);
	log_info("server", "event=listening address=%s port=%s for=%s", host, port, whom);
}

bool
acceptor_start(struct acceptor *acceptor, uv_loop_t *uv, const struct address *where,
			   const char *whom)
{
	const char *call;
	const char *why;

	if (where->path != NULL)
	{
		acceptor->socket = listen_unix(where, &call);
		why = strerror(errno);
	}
	else
		acceptor->socket = listen_inet(where, &call, &why);
	if (acceptor->socket < 0)
	{
		log_failure(where, call, why);
		return false;
	}
	acceptor->path = where->path;
	uv_poll_init(uv, &acceptor->poll, acceptor->socket);
	acceptor->poll.data = acceptor;
	uv_poll_start(&acceptor->poll, UV_READABLE, on_readable);
	log_listening(acceptor->socket, where, whom);
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
	if (acceptor->path != NULL)
		unlink(acceptor->path);
}
