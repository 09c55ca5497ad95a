/*
 * dialect.h
 *		How each server is spoken to: connect, join, publish.
 */
#ifndef BENCH_DIALECT_H
#define BENCH_DIALECT_H

#include "bytes.h"

struct dialect
{
	const char *name;
	const char *ready;			 /* bytes that answer each join */
	size_t		ready_length;	 /* of them; 0: the upgrade is the answer */
	const char *greeted;		 /* what answers the greeting; NULL: it is not waited for */
	bool		publishers_join; /* only members may publish */

	/* Appends what opens the connection. */
	void (*open)(struct bytes *out, const char *topic, bool publisher);
	/* Appends what joins a topic; NULL: opening does. */
	void (*join)(struct bytes *out, const char *topic);
	/* Appends what is said once after the upgrade; NULL: nothing. */
	void (*greet)(struct bytes *out);
	/* Appends what publishes a text of JSON. */
	void (*publish)(struct bytes *out, const char *topic, const char *text, size_t length);
};

/* What the phoenix dialect shows; may be a token or a key. */
extern const char *dialect_token;

/* NULL: there is none of that name. */
const struct dialect *dialect_find(const char *name);

#endif
