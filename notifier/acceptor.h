/*
 * acceptor.h
 *		The listening socket: hands each new connection to whoever wants it.
 */
#ifndef HARTHIO_ACCEPTOR_H
#define HARTHIO_ACCEPTOR_H

#include <stdbool.h>
#include <uv.h>

#include "options.h"

struct acceptor
{
	uv_poll_t	poll;						   /* watches the socket */
	int			socket;						   /* -1: not listening */
	const char *path;						   /* of a unix socket; NULL: it is none */
	bool		paused;						   /* no descriptors were left */
	void (*accepted)(void *owner, int socket); /* takes over the socket */
	void *owner;							   /* its first argument */
};

/*
 * False, and the reason in the log, if it cannot listen there.  "where" must
 * live as long; "whom" it is for is said in the log.
 */
bool acceptor_start(struct acceptor *acceptor, uv_loop_t *uv,
					const struct address *where, const char *whom);

/* Accept again after a pause: called some times a second. */
void acceptor_tick(struct acceptor *acceptor);
void acceptor_stop(struct acceptor *acceptor);

#endif
