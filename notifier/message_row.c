/*
 * message_row.c
 *		A row of realtime.messages as the broadcast that it is.
 */
#include "message_row.h"

#include "json_scan.h"

/* The order of MESSAGE_COLUMNS. */
enum column
{
	COLUMN_TOPIC,
	COLUMN_PRIVATE,
	COLUMN_EVENT,
	COLUMN_PAYLOAD,
	COLUMN_BINARY_PAYLOAD,
	COLUMN_ID
};

static struct slice
value_of(const PGresult *result, int row, enum column column)
{
	if (PQgetisnull(result, row, (int) column))
		return (struct slice){0};
	return slice_of(PQgetvalue(result, row, (int) column),
					(size_t) PQgetlength(result, row, (int) column));
}

/* The table sees to most of this, but it may be of another make. */
static const char *
check(const struct message_row *message, uint64_t payload_max)
{
	const struct phoenix_broadcast *broadcast = &message->broadcast;

	if (broadcast->event.data == NULL || broadcast->payload.data == NULL)
		return "it has no event or no payload";
	if (broadcast->event.length > PHOENIX_NAME_MAX)
		return "the event is too long";
	if (broadcast->payload.length > payload_max)
		return "the payload is larger than --max-payload-bytes";
	if (!utf8_valid(message->topic) || !utf8_valid(broadcast->event) ||
		!utf8_valid(broadcast->id) ||
		(!broadcast->opaque && !utf8_valid(broadcast->payload)))
		return "it is not UTF-8";
	return NULL;
}

const char *
message_row_read(const PGresult *result, int row, bool replayed, uint64_t payload_max,
				 struct message_row *message)
{
	struct slice payload = value_of(result, row, COLUMN_PAYLOAD);

	*message = (struct message_row){
		.topic = value_of(result, row, COLUMN_TOPIC),
		.private = slice_equal(value_of(result, row, COLUMN_PRIVATE), SLICE("true")),
	};
	buffer_append_text(&message->meta, replayed ? "{\"replayed\":true,\"id\":"
												: "{\"id\":");
	buffer_append_json_string(&message->meta, value_of(result, row, COLUMN_ID));
	buffer_append_byte(&message->meta, '}');
	message->broadcast = (struct phoenix_broadcast){
		.event = value_of(result, row, COLUMN_EVENT),
		.opaque = payload.data == NULL,
		.payload = payload.data != NULL ? payload
										: value_of(result, row, COLUMN_BINARY_PAYLOAD),
		.id = value_of(result, row, COLUMN_ID),
		.meta = buffer_slice(&message->meta),
	};
	return check(message, payload_max);
}

void
message_row_free(struct message_row *message)
{
	buffer_free(&message->meta);
}
