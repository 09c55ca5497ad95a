/*
 * presence.c
 *		Who is in a room, as its members say it of themselves.
 */
#include "presence.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "json_scan.h"
#include "memory.h"
#include "phoenix.h"

struct presence_key
{
	struct hash_entry	 entry;		   /* in the set, by name */
	struct slice		 name;		   /* the bytes are ours */
	struct presence		*presences;	   /* at least one */
	struct presence_key *next_changed; /* in the set's list */
	bool				 is_changed;   /* it is in that list */
};

void
presence_init(struct presence_set *set, struct presence_refs *refs,
			  const struct hash_key *secret)
{
	*set = (struct presence_set){.refs = refs};
	hash_map_init(&set->keys, secret);
}

bool
presence_key_valid(struct slice key)
{
	static const char *const taken[] = {
		"__proto__", "constructor", "hasOwnProperty", "isPrototypeOf",
		"propertyIsEnumerable", "toLocaleString", "toString", "valueOf",
		"__defineGetter__", "__defineSetter__", "__lookupGetter__",
		"__lookupSetter__", "ids"};

	for (unsigned i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
	{
		if (slice_equal(key, slice_text(taken[i])))
			return false;
	}
	return key.length <= PHOENIX_NAME_MAX;
}

static void
forget(struct presence_meta *meta)
{
	free(meta->body);
	*meta = (struct presence_meta){0};
}

static struct presence_key *
find_key(const struct presence_set *set, struct slice name)
{
	struct hash_entry *entry = hash_map_find(&set->keys, name);

	return entry != NULL ? hash_holder(entry, struct presence_key, entry) : NULL;
}

static struct presence_key *
new_key(struct presence_set *set, struct slice name)
{
	struct presence_key *key = memory_new(sizeof(*key));

	key->name = slice_of(memory_copy(name.data, name.length), name.length);
	hash_map_add(&set->keys, &key->entry, key->name);
	return key;
}

static void
free_key(struct presence_set *set, struct presence_key *key)
{
	hash_map_remove(&set->keys, &key->entry);
	free((char *) key->name.data);
	free(key);
}

static void
mark_changed(struct presence_set *set, struct presence_key *key)
{
	if (key->is_changed)
		return;
	key->is_changed = true;
	key->next_changed = set->changed;
	set->changed = key;
}

static struct presence *
new_presence(struct presence_set *set, struct slice name, int loop, uint64_t id)
{
	struct presence *presence = memory_new(sizeof(*presence));

	presence->loop = loop;
	presence->id = id;
	presence->key = find_key(set, name);
	if (presence->key == NULL)
		presence->key = new_key(set, name);
	presence->next = presence->key->presences;
	presence->key->presences = presence;
	set->count++;
	return presence;
}

void
presence_free(struct presence_set *set)
{
	struct hash_entry *entry;

	while ((entry = hash_map_next(&set->keys, NULL)) != NULL)
	{
		struct presence_key *key = hash_holder(entry, struct presence_key, entry);

		while (key->presences != NULL)
		{
			struct presence *presence = key->presences;

			key->presences = presence->next;
			forget(&presence->told);
			forget(&presence->now);
			free(presence);
		}
		free_key(set, key);
	}
	hash_map_free(&set->keys);
	buffer_free(&set->state);
}

/* Names that are the server's to give, in any spelling. */
static bool
is_reserved(struct slice json_key)
{
	struct buffer decoded = {0};
	struct slice  name;
	bool		  reserved;

	reserved = !phoenix_decode_string(json_key, &decoded, &name) ||
			   slice_equal(name, SLICE("phx_ref")) ||
			   slice_equal(name, SLICE("phx_ref_prev"));
	buffer_free(&decoded);
	return reserved;
}

/* The object as it came, without reserved names and its last brace. */
static char *
make_body(struct slice object)
{
	struct json_scan scan = json_scan_start(object);
	struct buffer	 body = {0};
	struct slice	 key;
	struct slice	 value;
	bool			 first = true;

	json_scan_accept(&scan, '{');
	buffer_append_byte(&body, '{');
	while (json_scan_member(&scan, &first, &key, &value))
	{
		if (is_reserved(key))
			continue;
		buffer_append(&body, key);
		buffer_append_byte(&body, ':');
		buffer_append(&body, value);
		buffer_append_byte(&body, ',');
	}
	buffer_append_byte(&body, '\0');
	return body.data;
}

struct presence *
presence_track(struct presence_set *set, struct presence *old,
			   struct slice key, struct slice object)
{
	struct presence *presence = old;
	char			*body = make_body(object);

	if (presence == NULL)
		presence = new_presence(set, key, PRESENCE_OURS, ++set->refs->last);
	if (presence->now.body != NULL && strcmp(presence->now.body, body) == 0)
	{
		free(body);
		return presence;
	}
	forget(&presence->now);
	presence->now.body = body;
	snprintf(presence->now.ref, sizeof(presence->now.ref), "%08" PRIx32 "-%" PRIx64,
			 set->refs->instance, ++set->refs->last);
	mark_changed(set, presence->key);
	return presence;
}

void
presence_untrack(struct presence_set *set, struct presence *presence)
{
	forget(&presence->now);
	mark_changed(set, presence->key);
}

static void
append_meta(struct buffer *out, const struct presence_meta *meta, const char *previous)
{
	buffer_append_text(out, meta->body);
	buffer_append_text(out, "\"phx_ref\":\"");
	buffer_append_text(out, meta->ref);
	if (previous != NULL)
	{
		buffer_append_text(out, "\",\"phx_ref_prev\":\"");
		buffer_append_text(out, previous);
	}
	buffer_append_text(out, "\"}");
}

static bool
has_changed(const struct presence *presence)
{
	return strcmp(presence->told.ref, presence->now.ref) != 0;
}

/* Which version of a presence to write; NULL: none. */
typedef const struct presence_meta *(*chooser)(const struct presence *presence);

static const struct presence_meta *
choose_told(const struct presence *presence)
{
	return presence->told.body != NULL ? &presence->told : NULL;
}

static const struct presence_meta *
choose_join(const struct presence *presence)
{
	return presence->now.body != NULL && has_changed(presence) ? &presence->now : NULL;
}

static const struct presence_meta *
choose_leave(const struct presence *presence)
{
	return has_changed(presence) ? choose_told(presence) : NULL;
}

/* An update names the version that it replaces. */
static const char *
previous_ref(const struct presence *presence, const struct presence_meta *meta)
{
	return meta == &presence->now && presence->told.body != NULL ? presence->told.ref
																 : NULL;
}

/* "key":{"metas":[...]}, unless there is nothing of it to be written. */
static void
append_key(struct buffer *out, const struct presence_key *key, chooser choose,
		   bool *first)
{
	bool opened = false;

	for (const struct presence *presence = key->presences; presence != NULL;
		 presence = presence->next)
	{
		const struct presence_meta *meta = choose(presence);

		if (meta == NULL)
			continue;
		if (opened || !*first)
			buffer_append_byte(out, ',');
		if (!opened)
		{
			buffer_append_json_string(out, key->name);
			buffer_append_text(out, ":{\"metas\":[");
		}
		opened = true;
		*first = false;
		append_meta(out, meta, previous_ref(presence, meta));
	}
	if (opened)
		buffer_append_text(out, "]}");
}

struct slice
presence_state(struct presence_set *set)
{
	struct hash_entry *entry = NULL;
	bool			   first = true;

	if (set->state.length > 0)
		return buffer_slice(&set->state);
	buffer_append_byte(&set->state, '{');
	while ((entry = hash_map_next(&set->keys, entry)) != NULL)
		append_key(&set->state, hash_holder(entry, struct presence_key, entry),
				   choose_told, &first);
	buffer_append_byte(&set->state, '}');
	return buffer_slice(&set->state);
}

/* Returns whether there is anything in it. */
static bool
append_changed(struct buffer *out, const struct presence_set *set, chooser choose)
{
	bool first = true;

	buffer_append_byte(out, '{');
	for (const struct presence_key *key = set->changed; key != NULL;
		 key = key->next_changed)
		append_key(out, key, choose, &first);
	buffer_append_byte(out, '}');
	return !first;
}

/* What is, is told now; what is no more goes. */
static void
settle(struct presence_set *set, struct presence_key *key)
{
	struct presence **place = &key->presences;

	while (*place != NULL)
	{
		struct presence *presence = *place;

		if (has_changed(presence))
		{
			forget(&presence->told);
			presence->told = presence->now;
			if (presence->now.body != NULL)
				presence->told.body = memory_copy(presence->now.body,
												  strlen(presence->now.body));
		}
		if (presence->now.body != NULL)
		{
			place = &presence->next;
			continue;
		}
		*place = presence->next;
		free(presence);
		set->count--;
	}
	key->is_changed = false;
	if (key->presences == NULL)
		free_key(set, key);
}

static void
settle_all(struct presence_set *set)
{
	while (set->changed != NULL)
	{
		struct presence_key *key = set->changed;

		set->changed = key->next_changed;
		settle(set, key);
	}
}

bool
presence_diff(struct presence_set *set, struct buffer *diff)
{
	const size_t start = diff->length;
	bool		 any;

	if (set->changed == NULL)
		return false;
	buffer_append_text(diff, "{\"joins\":");
	any = append_changed(diff, set, choose_join);
	buffer_append_text(diff, ",\"leaves\":");
	any = append_changed(diff, set, choose_leave) || any;
	buffer_append_byte(diff, '}');
	settle_all(set);
	if (any)
		buffer_free(&set->state);
	else
		diff->length = start;
	return any;
}

/* Before the bytes of a key and of what is shown, in a list. */
struct item
{
	uint64_t id;					 /* in the set that it comes from */
	size_t	 key_length;			 /* bytes of the key */
	size_t	 body_length;			 /* and of the body */
	bool	 gone;					 /* it is not there any more, and has no body */
	char	 ref[PRESENCE_REF_SIZE]; /* of what it is now */
};

static void
append_item(struct buffer *list, const struct presence *presence,
			const struct presence_meta *meta)
{
	struct item item = {
		.id = presence->id,
		.key_length = presence->key->name.length,
		.body_length = meta->body != NULL ? strlen(meta->body) : 0,
		.gone = meta->body == NULL,
	};

	memcpy(item.ref, meta->ref, sizeof(item.ref));
	buffer_append(list, slice_of((const char *) &item, sizeof(item)));
	buffer_append(list, presence->key->name);
	buffer_append(list, slice_of(meta->body, item.body_length));
}

/* All that was told, or what will be: to tell more would be to tell it twice. */
static void
export_key(const struct presence_key *key, bool all, struct buffer *list)
{
	for (const struct presence *presence = key->presences; presence != NULL;
		 presence = presence->next)
	{
		if (presence->loop != PRESENCE_OURS)
			continue;
		if (all && presence->told.body != NULL)
			append_item(list, presence, &presence->told);
		if (!all && has_changed(presence))
			append_item(list, presence, &presence->now);
	}
}

void
presence_export(const struct presence_set *set, bool all, struct buffer *list)
{
	struct hash_entry *entry = NULL;

	if (!all)
	{
		for (const struct presence_key *key = set->changed; key != NULL; key = key->next_changed)
			export_key(key, false, list);
		return;
	}
	while ((entry = hash_map_next(&set->keys, entry)) != NULL)
		export_key(hash_holder(entry, struct presence_key, entry), true, list);
}

/* All copies of the loop's are gone, unless the list has them. */
static void
hide_all(struct presence_set *set, int loop)
{
	struct hash_entry *entry = NULL;

	while ((entry = hash_map_next(&set->keys, entry)) != NULL)
	{
		struct presence_key *key = hash_holder(entry, struct presence_key, entry);

		for (struct presence *presence = key->presences; presence != NULL;
			 presence = presence->next)
		{
			if (presence->loop == loop)
				presence_untrack(set, presence);
		}
	}
}

static struct presence *
find_copy(const struct presence_set *set, struct slice name, int loop, uint64_t id)
{
	const struct presence_key *key = find_key(set, name);
	struct presence			  *presence = key != NULL ? key->presences : NULL;

	while (presence != NULL && (presence->loop != loop || presence->id != id))
		presence = presence->next;
	return presence;
}

static void
import_item(struct presence_set *set, int loop, const struct item *item, const char *bytes)
{
	struct slice	 name = slice_of(bytes, item->key_length);
	struct presence *presence = find_copy(set, name, loop, item->id);

	if (presence == NULL && item->gone)
		return;
	if (presence == NULL)
		presence = new_presence(set, name, loop, item->id);
	presence_untrack(set, presence);
	if (item->gone)
		return;
	presence->now.body = memory_copy(bytes + item->key_length, item->body_length);
	memcpy(presence->now.ref, item->ref, sizeof(item->ref));
}

bool
presence_import(struct presence_set *set, int loop, struct slice list, bool all)
{
	if (all)
		hide_all(set, loop);
	while (list.length > 0)
	{
		struct item item;
		size_t		length;

		memcpy(&item, list.data, sizeof(item));
		length = sizeof(item) + item.key_length + item.body_length;
		import_item(set, loop, &item, list.data + sizeof(item));
		list = slice_of(list.data + length, list.length - length);
	}
	return set->changed != NULL;
}
