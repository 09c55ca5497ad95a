/*
 * hub.h
 *		Who hears what: topics and their members, sessions and their states.
 *
 * A room is a topic with at least one member.  A session is what several topics
 * may be about; it is here while anybody is in one of them or on his way in,
 * and holds the newest state that was heard of.  The hub knows no database and
 * no client messages; it encodes a message once for all who read it alike.
 *
 * A member never hears a state that is older than one it heard before: states
 * only replace older ones, and whoever comes in gets the one that is held.
 */
#ifndef HARTHIO_HUB_H
#define HARTHIO_HUB_H

#include "hash_map.h"
#include "phoenix.h"
#include "slice.h"

struct connection;
struct hub_room;
struct hub_session;

struct hub
{
	struct hash_map rooms;	  /* struct hub_room, by topic */
	struct hash_map sessions; /* struct hub_session, by session id */
};

/* A connection's place in one room; lives in its channel. */
struct hub_member
{
	struct hub_member *next;	   /* in the room */
	struct hub_member *previous;   /* in the room */
	struct hub_room	  *room;	   /* NULL: in none */
	struct connection *connection; /* who hears it */
};

void hub_init(struct hub *hub, const struct hash_key *secret);
void hub_free(struct hub *hub);

/* Hold a session, which makes the hub keep its state; let it go again. */
struct hub_session *hub_session_hold(struct hub *hub, struct slice id);
void				hub_session_drop(struct hub *hub, struct hub_session *session);
const char		   *hub_session_id(const struct hub_session *session);

/* Walk over all sessions; the hub must not change between two calls. */
struct hub_session *hub_session_next(const struct hub		  *hub,
									 const struct hub_session *last);

/*
 * Go into the room of a topic, which is one of "session" unless that is NULL.
 * The member must hold the session for as long as it stays.
 */
void hub_enter(struct hub *hub, struct hub_member *member,
			   struct slice topic, struct hub_session *session);
void hub_leave(struct hub *hub, struct hub_member *member);

/* Send to all in the member's room, and to itself if "self". */
void hub_publish(const struct hub_member *sender, bool self,
				 const struct phoenix_broadcast *broadcast);

/*
 * The database says that this is the state of a session.  hub_try_state() is
 * for what may be something else, and returns whether it is a state.
 */
void hub_state(struct hub *hub, struct slice json);
bool hub_try_state(struct hub *hub, struct slice json);

/* Send the member the state of its session, if there is one. */
void hub_send_state(struct hub_member *member);

#endif
