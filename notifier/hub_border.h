/*
 * hub_border.h
 *		The hubs of several event loops: what one tells the others.
 *
 * Who publishes tells the loops that are in the topic, each of which sends to its
 * own members.  Of who is present each loop has the whole: it tells the others in
 * the topic what changed when it tells its own members, and whoever comes into the
 * topic asks those who are there for all of it.  Everything goes in parcels, which
 * never change and are freed by whoever opens the last of their letters; letters
 * are opened in order, and one that was sent to an earlier stay is not looked at.
 */
#ifndef HARTHIO_HUB_BORDER_H
#define HARTHIO_HUB_BORDER_H

#include "hub.h"
#include "mailbox.h"
#include "registry.h"

struct hub_border
{
	struct registry *registry; /* shared by all */
	unsigned		 loop;	   /* which one this is */

	/* Have it opened in that loop; urgent: wake it. */
	void (*post)(void *owner, unsigned loop, struct letter *letter, bool urgent);
	void *owner; /* its first argument */
};

/* The room has its first member, or has lost its last. */
void border_enter(struct hub_border *border, struct hub_room *room);
void border_leave(struct hub_border *border, struct hub_room *room);

/* Tell other loops of a broadcast; the frames are what was encoded of it so far. */
void border_publish(struct hub_border *border, struct registry_place *place,
					const struct phoenix_broadcast *broadcast,
					struct frame *const				frames[PHOENIX_VERSIONS]);

/* The same, for a topic that this loop is not in. */
void border_publish_to(struct hub_border *border, struct slice key,
					   const struct phoenix_broadcast *broadcast);

/* Tell them what the next diff will tell the members here. */
void border_flush(struct hub_border *border, const struct hub_room *room);

#endif
