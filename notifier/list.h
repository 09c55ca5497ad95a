/*
 * list.h
 *		A list whose links are in its members; each is in it once, or not at all.
 */
#ifndef HARTHIO_LIST_H
#define HARTHIO_LIST_H

#include <stddef.h>

struct list_link
{
	struct list_link  *next;
	struct list_link **place; /* what points to us; NULL: we are in no list */
};

#define list_holder(link, type, member) \
	((type *) ((char *) (link) -offsetof(type, member)))

static inline void
list_add(struct list_link **list, struct list_link *link)
{
	if (link->place != NULL)
		return;
	link->next = *list;
	link->place = list;
	if (link->next != NULL)
		link->next->place = &link->next;
	*list = link;
}

static inline void
list_remove(struct list_link *link)
{
	if (link->place == NULL)
		return;
	*link->place = link->next;
	if (link->next != NULL)
		link->next->place = link->place;
	link->place = NULL;
}

/* The first one, which is in the list no more; NULL: there is none. */
static inline struct list_link *
list_pop(struct list_link **list)
{
	struct list_link *link = *list;

	if (link != NULL)
		list_remove(link);
	return link;
}

/* Put all members of a list into an empty one. */
static inline void
list_move(struct list_link **to, struct list_link **from)
{
	*to = *from;
	*from = NULL;
	if (*to != NULL)
		(*to)->place = to;
}

#endif
