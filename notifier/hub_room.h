/*
 * hub_room.h
 *		Rooms and sessions from within: what the parts of the hub share.
 *
 * hub.c knows who is where, hub_session.c the states of sessions, hub_send.c what
 * is broadcast, hub_presence.c who shows what, and hub_border.c the other loops.
 */
#ifndef HARTHIO_HUB_ROOM_H
#define HARTHIO_HUB_ROOM_H

#include "hub.h"
#include "session_state.h"

struct registry_place;

struct hub_session
{
	struct hash_entry	 entry;	  /* in the hub, by id */
	char				*id;	  /* which session */
	unsigned			 holders; /* members and joins under way */
	struct hub_room		*rooms;	  /* its topics that have members */
	struct session_state state;	  /* the newest; no json: none is known */
};

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
	struct list_link	   changed;						   /* in the hub's list */
	struct registry_place *place;						   /* for the other loops; NULL: there are none */
	uint64_t			   awaited;						   /* bits: loops that have not said who is present there */
	char				   key[];						   /* its kind and its topic */
};

/* What a room is found by: its kind in one byte, then its topic. */
#define HUB_KEY_MAX_BYTES (1 + PHOENIX_NAME_MAX)

struct slice	 hub_room_key(char *bytes, struct slice topic, bool private);
struct hub_room *hub_room_find(const struct hub *hub, struct slice topic, bool private);

/* The state of the session is another one. */
void hub_room_forget_state(struct hub_room *room);

/*
 * Send to all members but one ("except" may be NULL), by these frames; those that
 * are needed and not there are made, and are the caller's like the others.
 */
void hub_room_send(const struct hub_room *room, const struct hub_member *except,
				   const struct phoenix_broadcast *broadcast,
				   struct frame					  *frames[PHOENIX_VERSIONS]);

/* The same without exception, to those who are in this loop. */
void hub_room_send_here(const struct hub_room *room, const struct phoenix_broadcast *broadcast);

/* What waits for the member will not be sent. */
void hub_member_forget_kept(struct hub_member *member);

/* The next flush has something to tell. */
void hub_room_changed(struct hub *hub, struct hub_room *room);

/* It is on its way out: it is told all that it waits for, and shows nothing more. */
void hub_member_hide(struct hub *hub, struct hub_member *member);

/* This loop has said who is present there. */
void hub_room_answered(struct hub *hub, struct hub_room *room, unsigned loop);

#endif
