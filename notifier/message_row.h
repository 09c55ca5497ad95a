/*
 * message_row.h
 *		A row of realtime.messages as the broadcast that it is.
 */
#ifndef HARTHIO_MESSAGE_ROW_H
#define HARTHIO_MESSAGE_ROW_H

#include <libpq-fe.h>
#include <stdint.h>

#include "phoenix.h"

/* To be selected from "m", in binary format, which for text is its bytes. */
#define MESSAGE_COLUMNS                                                         \
	"m.topic, m.private::pg_catalog.text, m.event, m.payload::pg_catalog.text," \
	" m.binary_payload, m.id"

struct message_row
{
	struct slice			 topic;		/* without its prefix */
	struct buffer			 meta;		/* JSON */
	struct phoenix_broadcast broadcast; /* slices of the result and of meta */
	bool private;						/* for the private channel */
};

/*
 * Read one; free it in any case.  Returns NULL, or why it cannot be sent.  The
 * slices are good until the result is cleared.
 */
const char *message_row_read(const PGresult *result, int row, bool replayed,
							 uint64_t payload_max, struct message_row *message);
void		message_row_free(struct message_row *message);

#endif
