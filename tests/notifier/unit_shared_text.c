/*
 * unit_shared_text.c
 *		Is what many have alike there once, and gone with the last of them?
 */
#include "unit.h"

#include "shared_text.h"

void
test_shared_text(void)
{
	static const struct hash_key secret = {1, 2};
	struct hash_map				 texts;
	struct shared_text			*first;
	struct shared_text			*second;

	hash_map_init(&texts, &secret);
	first = shared_text_hold(&texts, SLICE("one"));
	second = shared_text_hold(&texts, SLICE("two"));
	CHECK(first != second && texts.count == 2);
	CHECK(shared_text_hold(&texts, SLICE("one")) == first && texts.count == 2);
	CHECK(slice_equal(shared_text_slice(first), SLICE("one")));
	CHECK(shared_text_slice(NULL).data == NULL);
	shared_text_release(&texts, first);
	CHECK(texts.count == 2);
	shared_text_release(&texts, first);
	shared_text_release(&texts, second);
	shared_text_release(&texts, NULL);
	CHECK(texts.count == 0);
	first = shared_text_hold(&texts, SLICE(""));
	CHECK(first != NULL && shared_text_slice(first).length == 0);
	shared_text_release(&texts, first);
	hash_map_free(&texts);
}
