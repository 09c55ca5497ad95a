/*
 * hub_room.h
 *		A room, for those who look into it: hub.c and hub_border.c.
 */
#ifndef HARTHIO_HUB_ROOM_H
#define HARTHIO_HUB_ROOM_H

#include "hub.h"

struct registry_place;

struct hub_room
{
	struct hub			  *hub;							   /* whose */
	struct hash_entry	   entry;						   /* in the hub, by kind and topic */
	struct slice		   topic;						   /* its name, in the key */
	struct hub_member	  *members;						   /* at least one */
	struct hub_session	  *session;						   /* what it is about; NULL: nothing we know */
	struct hub_room		  *next;						   /* in the session */
	struct hub_room		  *previous;					   /* in the session */
	struct frame		  *state_frames[PHOENIX_VERSIONS]; /* the session's state,
													 * once it was needed */
	struct presence_set	   presences;					   /* what members show */
	struct hub_room		  *next_changed;				   /* in the hub's list */
	struct hub_room		 **changed_place;				   /* what points to us there; NULL:
														 * we are not in it */
	struct registry_place *place;						   /* for the other loops; NULL: there are none */
	uint64_t			   awaited;						   /* bits: loops that have not said who is present there */
	char				   key[];						   /* its kind and its topic */
};

/*
 * Send to all members but one ("except" may be NULL), by these frames; those that
 * are needed and not there are made, and are the caller's like the others.
 */
void hub_room_send(const struct hub_room *room, const struct hub_member *except,
				   const struct phoenix_broadcast *broadcast,
				   struct frame					  *frames[PHOENIX_VERSIONS]);

/* The next flush has something to tell. */
void hub_room_changed(struct hub *hub, struct hub_room *room);

/* This loop has said who is present there. */
void hub_room_answered(struct hub *hub, struct hub_room *room, unsigned loop);

#endif
