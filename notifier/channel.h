/*
 * channel.h
 *		A client's place in one topic: from phx_join until it leaves.
 *
 * A channel is made when a join begins and freed when it ends or is refused.
 * While the database decides, "joined" is false and "request" is set.  A joined
 * channel may have a request too: its token was renewed, and the new one is
 * taken only once the database agrees.
 */
#ifndef HARTHIO_CHANNEL_H
#define HARTHIO_CHANNEL_H

#include "connection.h"
#include "database.h"
#include "hub.h"
#include "identities.h"

/* The codes that a failed channel shows its client, in the range for "rejoin". */
#define CHANNEL_CODE_TOKEN	   4401
#define CHANNEL_CODE_FORBIDDEN 4403

struct channel
{
	struct hash_entry	entry;			   /* in the connection, by topic */
	struct hub_member	member;			   /* our place in the room, once joined */
	struct connection  *connection;		   /* whose channel */
	struct hub_session *session;		   /* what the topic is about; NULL: nothing */
	struct slice		topic;			   /* with its prefix; in "bytes" */
	struct slice		join_ref;		   /* JSON; in "bytes" */
	struct slice		reply_ref;		   /* JSON: what the join's reply must echo; there, too */
	struct buffer		bindings;		   /* JSON array: row changes asked for, with ids */
	bool				wants_rows;		   /* and there was at least one */
	bool				joined;			   /* the join was answered with ok */
	bool				ack;			   /* reply to each broadcast */
	bool				self;			   /* hears its own broadcasts */
	bool				awaits_feed;	   /* is to be told when the database is heard */
	bool private;						   /* goes by policies; a session's never does */
	struct database_rights	 rights;	   /* what may be done in it */
	struct database_replay	 replay;	   /* what of the past is wanted */
	struct buffer			 replayed;	   /* and was sent: the ids of messages */
	bool					 presence;	   /* wants to hear who is there */
	struct slice			 key;		   /* under which it is present; ours; no data: it has
										   * given none and was not present yet */
	struct identity			*identity;	   /* by the token in force; NULL: not joined */
	struct identity			*new_identity; /* by the token that the request is about */
	uint64_t				 token_hash;   /* of the last token that verified */
	struct database_request *request;	   /* what the database still owes us */
	char					 bytes[];	   /* of what never changes */
};

struct channel *channel_find(struct connection *connection, struct slice topic);

/* Holds the identity.  The channel is in no room yet. */
struct channel *channel_new(struct connection			 *connection,
							const struct phoenix_message *join,
							struct identity				 *identity);
void			channel_free(struct channel *channel);
void			channel_free_all(struct connection *connection);

/* The topic as people know it: without its prefix. */
struct slice channel_subtopic(const struct channel *channel);

/* Take "new_identity" into force. */
void channel_renew(struct channel *channel);

/* Tell the client, and free the channel: it is over for good. */
void channel_end(struct channel *channel);

/* The same, but in such a way that the client joins again by itself. */
void channel_fail(struct channel *channel, unsigned code, const char *message);

void channel_send_system(struct channel *channel, const char *extension,
						 const char *status, const char *message);

/*
 * Tell who is there, as soon as that is known, and from then on also who comes and
 * goes; the other is for the hub, which knows it now.
 */
void channel_send_presence_state(struct channel *channel);
void channel_present(struct hub_member *member);

/* The database is heard: tell those who asked to be told. */
void channel_announce_feed(struct connection *connection);

/* Tell all that it is the server who ends the connection. */
void channel_announce_end(struct connection *connection);

/* Fail every channel whose token has run out. */
void channel_expire_all(struct connection *connection);

#endif
