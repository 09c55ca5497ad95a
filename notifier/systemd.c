/*
 * systemd.c
 *		What we tell the service manager: ready, reloading, stopping, alive.
 */
#include "systemd.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "log.h"

/* A path, or a name in the abstract namespace, which is written with an @. */
static int
connect_to(const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const size_t	   length = strlen(name);
	int				   fd;

	if ((name[0] != '/' && name[0] != '@') || length >= sizeof(address.sun_path))
	{
		errno = EINVAL;
		return -1;
	}
	memcpy(address.sun_path, name, length);
	if (name[0] == '@')
		address.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *) &address, (socklen_t) (offsetof(struct sockaddr_un, sun_path) + length)) != 0)
	{
		close(fd);
		return -1;
	}
	return fd;
}

/* Half of the time after which systemd takes us for dead. */
static uint64_t
watchdog_ms(void)
{
	const char *microseconds = getenv("WATCHDOG_USEC");
	const char *pid = getenv("WATCHDOG_PID");

	if (microseconds == NULL || (pid != NULL && strtol(pid, NULL, 10) != (long) getpid()))
		return 0;
	return strtoull(microseconds, NULL, 10) / 2000;
}

void
systemd_init(struct systemd *systemd)
{
	const char *name = getenv("NOTIFY_SOCKET");

	*systemd = (struct systemd){.socket = -1};
	if (name == NULL || *name == '\0')
		return;
	systemd->socket = connect_to(name);
	if (systemd->socket < 0)
		log_warning("systemd", "event=not_connected socket=%s reason=%s",
					log_text(name), log_text(strerror(errno)));
	else
		systemd->watchdog_ms = watchdog_ms();
}

void
systemd_free(struct systemd *systemd)
{
	if (systemd->socket >= 0)
		close(systemd->socket);
	systemd->socket = -1;
}

void
systemd_tell(const struct systemd *systemd, const char *message)
{
	if (systemd->socket >= 0 &&
		send(systemd->socket, message, strlen(message), MSG_NOSIGNAL) < 0)
		log_warning("systemd", "event=not_told reason=%s", log_text(strerror(errno)));
}

void
systemd_tell_reloading(const struct systemd *systemd)
{
	struct timespec now;
	char			message[80];

	clock_gettime(CLOCK_MONOTONIC, &now);
	snprintf(message, sizeof(message), "RELOADING=1\nMONOTONIC_USEC=%lld",
			 (long long) now.tv_sec * 1000000 + now.tv_nsec / 1000);
	systemd_tell(systemd, message);
}

void
systemd_tick(struct systemd *systemd, uint64_t now)
{
	if (systemd->watchdog_ms == 0 || now - systemd->said_at < systemd->watchdog_ms)
		return;
	systemd->said_at = now;
	systemd_tell(systemd, "WATCHDOG=1");
}
