/*
 * rest_message.h
 *		What a POST wants to be broadcast, read and checked.
 */
#ifndef HARTHIO_REST_MESSAGE_H
#define HARTHIO_REST_MESSAGE_H

#include <stdint.h>

#include "http.h"
#include "phoenix.h"

struct rest_check;

struct rest_message
{
	struct buffer			 topic;		/* with its prefix */
	struct buffer			 decoded;	/* holds the event if it had escapes */
	struct buffer			 meta;		/* JSON; empty: none */
	struct phoenix_broadcast broadcast; /* slices of the body and of the above */
	bool private;						/* the sender takes the topic for private */
	struct rest_check *check;			/* the question on which it depends */
	bool			   dropped;			/* it may not be sent, whatever is answered */
};

struct rest_messages
{
	struct rest_message *items; /* in the order in which they are sent */
	size_t				 count; /* how many */
};

/*
 * Read a batch, or the one message that the path names.  Returns zero, or the
 * status of the answer that is in "problem" as JSON.  Free them in any case.
 */
unsigned rest_messages_read_batch(const struct http_request *request,
								  uint64_t payload_max, uint64_t count_max,
								  struct rest_messages *messages,
								  struct buffer		   *problem);
unsigned rest_messages_read_single(const struct http_request *request,
								   struct slice names, uint64_t payload_max,
								   struct rest_messages *messages,
								   struct buffer		*problem);
void	 rest_messages_free(struct rest_messages *messages);

#endif
