/*
 * mailbox.c
 *		Letters from one event loop to another: many write, one reads.
 */
#include "mailbox.h"

void
letters_add(struct letters *letters, struct letter *letter)
{
	letter->next = NULL;
	if (letters->first == NULL)
		letters->end = &letters->first;
	*letters->end = letter;
	letters->end = &letter->next;
}

/* Put all of one behind those of the other; was that empty? */
static bool
append(struct letters *to, struct letters *from)
{
	const bool was_empty = to->first == NULL;

	if (was_empty)
		to->end = &to->first;
	*to->end = from->first;
	to->end = from->end;
	*from = (struct letters){0};
	return was_empty;
}

static struct letters
take_all(struct mailbox *mailbox)
{
	struct letters letters;

	uv_mutex_lock(&mailbox->lock);
	letters = mailbox->letters;
	mailbox->letters = (struct letters){0};
	uv_mutex_unlock(&mailbox->lock);
	return letters;
}

static void
open_all(struct letters letters, void *reader)
{
	while (letters.first != NULL)
	{
		struct letter *letter = letters.first;

		letters.first = letter->next;
		letter->open(letter, reader);
	}
}

void
mailbox_look(struct mailbox *mailbox)
{
	atomic_store(&mailbox->looked_at, uv_hrtime());
	open_all(take_all(mailbox), mailbox->reader);
}

static void
on_wake(uv_async_t *wake)
{
	mailbox_look(wake->data);
}

void
mailbox_init(struct mailbox *mailbox, uv_loop_t *uv, void *reader)
{
	*mailbox = (struct mailbox){.reader = reader};
	uv_mutex_init(&mailbox->lock);
	uv_async_init(uv, &mailbox->wake, on_wake);
	mailbox->wake.data = mailbox;
	uv_unref((uv_handle_t *) &mailbox->wake);
}

static bool
looked_just_now(const struct mailbox *mailbox)
{
	return uv_hrtime() < atomic_load(&mailbox->looked_at) + MAILBOX_PATIENCE_MS * (uint64_t) 1000000;
}

/* Was it empty before? */
static bool
add(struct mailbox *mailbox, struct letters *letters)
{
	bool was_empty;

	if (letters->first == NULL)
		return false;
	uv_mutex_lock(&mailbox->lock);
	was_empty = append(&mailbox->letters, letters);
	uv_mutex_unlock(&mailbox->lock);
	return was_empty;
}

void
mailbox_post(struct mailbox *mailbox, struct letters *letters)
{
	if (letters->first == NULL)
		return;
	add(mailbox, letters);
	uv_async_send(&mailbox->wake);
}

/* Whoever finds it empty sees to it that the reader looks; the others rely on him. */
bool
mailbox_leave(struct mailbox *mailbox, struct letters *letters)
{
	if (!add(mailbox, letters))
		return false;
	if (looked_just_now(mailbox))
		return true;
	uv_async_send(&mailbox->wake);
	return false;
}

void
mailbox_remind(struct mailbox *mailbox)
{
	bool empty;

	uv_mutex_lock(&mailbox->lock);
	empty = mailbox->letters.first == NULL;
	uv_mutex_unlock(&mailbox->lock);
	if (!empty)
		uv_async_send(&mailbox->wake);
}

void
mailbox_close(struct mailbox *mailbox)
{
	uv_close((uv_handle_t *) &mailbox->wake, NULL);
}

void
mailbox_free(struct mailbox *mailbox)
{
	open_all(take_all(mailbox), NULL);
	uv_mutex_destroy(&mailbox->lock);
}
