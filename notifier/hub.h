/*
 * hub.h
 *		Who hears what: topics and their members, sessions and their states.
 *
 * A room is a topic with at least one member; the private channels of a topic
 * are another room than the public ones.  A session is what several topics
 * may be about; it is here while anybody is in one of them or on his way in,
 * and holds the newest state that was heard of.  The hub knows no database and
 * no client messages; it encodes a message once for all who read it alike.
 *
 * A member never hears a state that is older than one it heard before: states
 * only replace older ones, and whoever comes in gets the one that is held.
 *
 * Each event loop has a hub.  Those of several loops tell each other what is
 * broadcast and who is present: see hub_border.h.
 */
#ifndef HARTHIO_HUB_H
#define HARTHIO_HUB_H

#include "hash_map.h"
#include "list.h"
#include "phoenix.h"
#include "presence.h"
#include "slice.h"

struct connection;
struct hub_border;
struct hub_kept;
struct hub_receipt;
struct hub_room;
struct hub_session;
struct hub_member;

/* Called when hub_flush() has something to do; once until it is called. */
typedef void (*hub_wake)(void *owner);

/* Called when it is known who is present, for a member that was told to wait. */
typedef void (*hub_present)(struct hub_member *member);

struct hub
{
	struct hash_map		 rooms;			/* struct hub_room, by kind and topic */
	struct hash_map		 sessions;		/* struct hub_session, by session id */
	uint64_t			 states;		/* that were news, since the start */
	struct presence_refs presence_refs; /* for all rooms */
	struct list_link	*changed;		/* rooms where hub_flush() has work */
	hub_wake			 wake;			/* whom to tell that there is one */
	void				*wake_owner;	/* its argument */
	hub_present			 present;		/* who is present is known now */
	struct hub_border	*border;		/* to the other loops' hubs; NULL: there are none */
};

/* A connection's place in one room; lives in its channel. */
struct hub_member
{
	struct hub_member  *next;			 /* in the room */
	struct hub_member  *previous;		 /* in the room */
	struct hub_room	   *room;			 /* NULL: in none */
	struct connection  *connection;		 /* who hears it */
	const char		   *participant;	 /* who it is, the channel's; NULL: nobody */
	struct presence	   *presence;		 /* what it shows of itself; NULL: nothing */
	struct hub_receipt *receipts;		 /* to be sent after the next diff */
	struct hub_kept	   *kept;			 /* to be sent when it waits no more */
	struct slice		replayed;		 /* ids of messages that it has had, one after the
										 * other; the channel's */
	unsigned			kept_count;		 /* how many are kept; never more than HUB_KEPT_MAX */
	bool				hears_presence;	 /* it was given the room's state */
	bool				awaits_presence; /* and will be, when that is known */
	bool				deaf;			 /* it may not hear broadcasts */
	bool				waits;			 /* it is not in yet: keep messages of the database */
};

/* Who has so many may have missed some. */
#define HUB_KEPT_MAX 1000

void hub_init(struct hub *hub, const struct hash_key *secret, hub_wake wake,
			  void *wake_owner);
void hub_free(struct hub *hub);

/* Hold a session, which makes the hub keep its state; let it go again. */
struct hub_session *hub_session_hold(struct hub *hub, struct slice id);
void				hub_session_drop(struct hub *hub, struct hub_session *session);
struct hub_session *hub_session_find(const struct hub *hub, struct slice id);
const char		   *hub_session_id(const struct hub_session *session);

/* Walk over all sessions; the hub must not change between two calls. */
struct hub_session *hub_session_next(const struct hub		  *hub,
									 const struct hub_session *last);

/*
 * Walk over all who are in a session, whatever its topic: who is attached to it
 * here.  One participant may be there more than once.
 */
struct hub_member *hub_session_next_member(const struct hub_session *session,
										   const struct hub_member	*last);

/*
 * Go into the room of a topic, which is one of "session" unless that is NULL.
 * The member must hold the session for as long as it stays.
 */
void hub_enter(struct hub *hub, struct hub_member *member, struct slice topic,
			   bool private, struct hub_session *session);
void hub_leave(struct hub *hub, struct hub_member *member);

/* Send to all in the member's room, whichever loop they are in; to itself if "self". */
void hub_publish(struct hub *hub, const struct hub_member *sender, bool self,
				 const struct phoenix_broadcast *broadcast);

/* Send to all in the room of a topic, if there is one: in all loops, or in this. */
void hub_publish_to(struct hub *hub, struct slice topic, bool private,
					const struct phoenix_broadcast *broadcast);
void hub_publish_here(const struct hub *hub, struct slice topic, bool private,
					  const struct phoenix_broadcast *broadcast);

/*
 * A member that "waits" hears nothing.  Once it was told what was there before, it
 * gets the messages that came meanwhile, without those that it was told already.
 */
void hub_stop_waiting(struct hub_member *member);

/* Send to one member a message of the time before it was there. */
void hub_replay(const struct hub_member *member, const struct phoenix_broadcast *broadcast);

/*
 * Show or hide something of the member in its room.  The others are told at the
 * next flush, where what many did in one turn of the loop makes one message;
 * then the member gets "receipt" (NULL: nothing), whose reference is taken over.
 */
void hub_track(struct hub *hub, struct hub_member *member, struct slice key,
			   struct slice object, struct frame *receipt);
void hub_untrack(struct hub *hub, struct hub_member *member, struct frame *receipt);
void hub_flush(struct hub *hub);

/*
 * The room's presence state for the member, who hears of changes from now on;
 * it must be sent before anything else is.  False: other loops have not said yet
 * who is there; the hub says when they have.
 */
bool	 hub_hear_presence(struct hub_member *member, struct slice *state);
void	 hub_ignore_presence(struct hub_member *member);
uint64_t hub_presence_count(const struct hub_member *member);

/*
 * The database says that this is the state of a session.  hub_try_state() is
 * for what may be something else, and returns whether it is a state.
 */
void hub_state(struct hub *hub, struct slice json);
bool hub_try_state(struct hub *hub, struct slice json);

/* Send the member the state of its session, if there is one. */
void hub_send_state(struct hub_member *member);

#endif
