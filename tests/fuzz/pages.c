/*
 * pages.c
 *		Paths that browsers ask for, in a directory with hidden files and links that
 *		lead out.
 *
 * What is found is a file of the directory that is not hidden.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"
#include "memory.h"
#include "pages.h"

static char directory[PATH_MAX];

static void
place(char *path, const char *name)
{
	CHECK(snprintf(path, PATH_MAX, "%s/%s", directory, name) < PATH_MAX);
}

static void
make_file(const char *name)
{
	char  path[PATH_MAX];
	FILE *file;

	place(path, name);
	file = fopen(path, "w");
	CHECK(file != NULL);
	fclose(file);
}

static void
make_directory(const char *name)
{
	char path[PATH_MAX];

	place(path, name);
	CHECK(mkdir(path, 0700) == 0);
}

static void
make_link(const char *name, const char *target)
{
	char path[PATH_MAX];

	place(path, name);
	CHECK(symlink(target, path) == 0);
}

static void
remove_all(void)
{
	static const char *const names[] = {"p/a", "p/index.html", "p/.h", "p/d/index.html", "p/d/out", "p/d/in", "p/u", "p/v", "p/d", "p", "pp", "s", ""};
	char					 path[PATH_MAX];

	directory[strlen(directory) - 2] = '\0';
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		place(path, names[i]);
		remove(path);
	}
}

/* The directory p, and what lies beside it. */
int
LLVMFuzzerInitialize(const int *argc, char ***argv)
{
	char made[] = "/tmp/harthio-XXXXXX";

	(void) argc;
	(void) argv;
	CHECK(mkdtemp(made) != NULL && realpath(made, directory) != NULL);
	make_file("s");
	make_file("pp");
	make_directory("p");
	make_directory("p/d");
	make_file("p/a");
	make_file("p/.h");
	make_file("p/index.html");
	make_file("p/d/index.html");
	make_link("p/u", "../s");
	make_link("p/d/out", "/etc");
	make_link("p/d/in", "../a");
	make_link("p/v", "../p/.h");
	memcpy(directory + strlen(directory), "/p", sizeof("/p"));
	atexit(remove_all);
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char		*path = memory_copy((const char *) data, size);
	char		 file[PATH_MAX];
	char		 real[PATH_MAX];
	struct stat	 status;
	struct slice inside;

	if (pages_find(directory, path, file, sizeof(file)))
	{
		CHECK(realpath(file, real) != NULL && strcmp(real, file) == 0);
		CHECK(slice_after(slice_text(file), slice_text(directory), &inside));
		CHECK(inside.data[0] == '/' && strstr(inside.data, "/.") == NULL);
		CHECK(stat(file, &status) == 0 && S_ISREG(status.st_mode));
	}
	free(path);
	return 0;
}
