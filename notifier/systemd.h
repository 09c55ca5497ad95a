/*
 * systemd.h
 *		What we tell the service manager: ready, reloading, stopping, alive.
 *
 * It is systemd's protocol of one datagram a message; without NOTIFY_SOCKET in
 * the environment nobody wants to know, and nothing is sent.
 */
#ifndef HARTHIO_SYSTEMD_H
#define HARTHIO_SYSTEMD_H

#include <stdint.h>

struct systemd
{
	int		 socket;	  /* -1: nobody wants to know */
	uint64_t watchdog_ms; /* say that we live as often as this; 0: never */
	uint64_t said_at;	  /* when we did, in loop time */
};

void systemd_init(struct systemd *systemd);
void systemd_free(struct systemd *systemd);

/* Send a message, such as "READY=1". */
void systemd_tell(const struct systemd *systemd, const char *message);

/* RELOADING=1, with the time that systemd wants to know. */
void systemd_tell_reloading(const struct systemd *systemd);

/* Called some times a second: is it time to say that we live? */
void systemd_tick(struct systemd *systemd, uint64_t now);

#endif
