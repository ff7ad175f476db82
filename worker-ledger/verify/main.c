/*
 * eldersafe-verify: checks one receipt, or that the log only grew, offline, and says which link
 * holds and which does not.
 *
 * A single static file without network or database code, so that it runs years from now. The
 * decisions are in verify.h and growth.h; this file reads and prints.
 */
#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/version.h"
#include "worker-ledger/verify/growth.h"
#include "worker-ledger/verify/input.h"
#include "worker-ledger/verify/options.h"
#include "worker-ledger/verify/tile-files.h"
#include "worker-ledger/verify/verify.h"

#include <errno.h>
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VERSION_TEXT "eldersafe-verify " ES_VERSION " (receipt version 1)"

/* Also in the help text: part of the interface. */
enum exit_status {
    EXIT_HOLDS = 0,
    EXIT_BROKEN = 1,
    EXIT_USAGE = 2,
    EXIT_INCOMPLETE = 3,
};

static int exit_status_of(enum es_verify_outcome outcome)
{
    switch (outcome) {
    case ES_VERIFY_HOLDS:
        return EXIT_HOLDS;
    case ES_VERIFY_FALSE:
        return EXIT_BROKEN;
    case ES_VERIFY_INCOMPLETE:
        return EXIT_INCOMPLETE;
    }
    abort();
}

/* Print text from the receipt so that it cannot steer the terminal: control characters (also the
 * C1 range, which UTF-8 writes as C2 80..9F) become '?'. */
static void print_tame(const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        unsigned char byte = (unsigned char)*c;
        bool second_control =
            byte == 0xC2 && (unsigned char)c[1] >= 0x80 && (unsigned char)c[1] < 0xA0;
        if (second_control) {
            c++;
        }
        (void)putchar(byte < ' ' || byte == 0x7F || second_control ? '?' : byte);
    }
}

/* For a report in which one is broken. */
static enum es_verify_link first_broken(const struct es_verify_report *report)
{
    size_t i = 0;
    while (report->links[i].state != ES_VERIFY_BROKEN) {
        i++;
    }
    return (enum es_verify_link)i;
}

static void print_link(const char *name, const struct es_verify_finding *finding)
{
    (void)printf("%-12s %-8s ", name, es_verify_state_text(finding->state));
    print_tame(finding->message);
    (void)printf("\n");
}

static json_t *json_link(const char *name, const struct es_verify_finding *finding)
{
    return json_pack("{s:s, s:s, s:s}", "link", name, "state", es_verify_state_text(finding->state),
                     "message", finding->message);
}

/* RESULT must not claim a link that nobody looked at. Names of those among COUNT, "" if none. */
static const char *unchecked(struct es_arena *arena, const struct es_verify_finding *links,
                             size_t count, const char *(*name)(size_t link))
{
    const char *names = "";
    for (size_t i = 0; i < count; i++) {
        if (links[i].state == ES_VERIFY_SKIPPED) {
            names = es_arena_printf(arena, "%s%s%s", names, names[0] != '\0' ? ", " : "", name(i));
        }
    }
    return names;
}

static void print_result(const char *whole, const char *partly, const char *unchecked_links)
{
    if (unchecked_links[0] == '\0') {
        (void)printf("RESULT       %s\n", whole);
    } else {
        (void)printf("RESULT       %s; not checked: %s\n", partly, unchecked_links);
    }
}

static const char *link_name(size_t link)
{
    return es_verify_link_text((enum es_verify_link)link);
}

static void print_text(struct es_arena *arena, const struct es_verify_report *report)
{
    for (size_t i = 0; i < ES_VERIFY_LINK_COUNT; i++) {
        print_link(es_verify_link_text((enum es_verify_link)i), &report->links[i]);
    }
    if (report->receipt != NULL && report->outcome != ES_VERIFY_FALSE) {
        (void)printf("event        ");
        print_tame(report->receipt->event);
        (void)printf("\n");
    }
    switch (report->outcome) {
    case ES_VERIFY_HOLDS:
        print_result("every link holds", "every other link holds",
                     unchecked(arena, report->links, ES_VERIFY_LINK_COUNT, link_name));
        break;
    case ES_VERIFY_FALSE:
        (void)printf("RESULT       BROKEN at %s: do not rely on this receipt\n",
                     es_verify_link_text(first_broken(report)));
        break;
    case ES_VERIFY_INCOMPLETE:
        print_result("holds as far as it goes, but is not yet in a block",
                     "holds as far as it goes, but is not yet in a block",
                     unchecked(arena, report->links, ES_VERIFY_LINK_COUNT, link_name));
        break;
    }
}

static void print_json(const struct es_verify_report *report)
{
    json_t *links = json_array();
    for (size_t i = 0; i < ES_VERIFY_LINK_COUNT; i++) {
        json_array_append_new(
            links, json_link(es_verify_link_text((enum es_verify_link)i), &report->links[i]));
    }
    json_t *root =
        json_pack("{s:s, s:o}", "result", es_verify_outcome_text(report->outcome), "links", links);
    if (report->receipt != NULL) {
        json_object_set_new(root, "status",
                            json_string(es_receipt_status_text(report->receipt->status)));
        json_object_set_new(root, "event", json_string(report->receipt->event));
    }
    (void)json_dumpf(root, stdout, JSON_COMPACT);
    (void)printf("\n");
    json_decref(root);
}

static bool read_input(const char *path, size_t limit, struct es_buf *out)
{
    if (!es_input_read(path, limit, out)) {
        (void)fprintf(stderr, "eldersafe-verify: %s: %s\n", path, strerror(errno));
        return false;
    }
    return true;
}

static int verify(const struct es_options *options)
{
    ES_CLEANUP(es_buf_done) struct es_buf text = ES_BUF_INIT;
    ES_CLEANUP(es_arena_free_p) struct es_arena *arena = es_arena_new(0);
    struct es_verify_report report;
    if (!read_input(options->receipt, ES_RECEIPT_TEXT_MAX, &text)) {
        return EXIT_USAGE;
    }
    es_verify_receipt(arena, es_buf_str(&text), text.length, &options->verify, &report);
    if (options->json && !options->quiet) {
        print_json(&report);
    } else if (!options->quiet) {
        print_text(arena, &report);
    }
    return exit_status_of(report.outcome);
}

/* --- the log only grew ----------------------------------------------------------------------- */
static const char *growth_name(size_t link)
{
    return es_growth_link_text((enum es_growth_link)link);
}

static void print_growth_text(struct es_arena *arena, const struct es_growth_report *report)
{
    const char *broken = NULL;
    for (size_t i = 0; i < ES_GROWTH_LINK_COUNT; i++) {
        const char *name = es_growth_link_text((enum es_growth_link)i);
        print_link(name, &report->links[i]);
        if (broken == NULL && report->links[i].state == ES_VERIFY_BROKEN) {
            broken = name;
        }
    }
    switch (report->outcome) {
    case ES_VERIFY_HOLDS:
        print_result("the log only grew", "the log only grew",
                     unchecked(arena, report->links, ES_GROWTH_LINK_COUNT, growth_name));
        break;
    case ES_VERIFY_FALSE:
        (void)printf("RESULT       BROKEN at %s\n", broken);
        break;
    case ES_VERIFY_INCOMPLETE:
        (void)printf("RESULT       holds as far as it goes, but a tile is not there\n");
        break;
    }
}

static void print_growth_json(const struct es_growth_report *report)
{
    json_t *links = json_array();
    for (size_t i = 0; i < ES_GROWTH_LINK_COUNT; i++) {
        json_array_append_new(
            links, json_link(es_growth_link_text((enum es_growth_link)i), &report->links[i]));
    }
    json_t *root =
        json_pack("{s:s, s:o}", "result", es_verify_outcome_text(report->outcome), "links", links);
    (void)json_dumpf(root, stdout, JSON_COMPACT);
    (void)printf("\n");
    json_decref(root);
}

static int verify_growth(const struct es_options *options)
{
    ES_CLEANUP(es_buf_done) struct es_buf old = ES_BUF_INIT;
    ES_CLEANUP(es_buf_done) struct es_buf new = ES_BUF_INIT;
    ES_CLEANUP(es_arena_free_p) struct es_arena *arena = es_arena_new(0);
    struct es_tile_files files = {.directory = options->tiles};
    struct es_tile_store tiles = es_tile_files_store(&files);
    struct es_growth_report report;
    if (!read_input(options->old_checkpoint, ES_NOTE_SIZE_MAX, &old) ||
        !read_input(options->new_checkpoint, ES_NOTE_SIZE_MAX, &new)) {
        return EXIT_USAGE;
    }
    es_verify_growth(&(struct es_growth_note){es_buf_str(&old), old.length},
                     &(struct es_growth_note){es_buf_str(&new), new.length}, &options->verify,
                     &tiles, &report);
    if (options->json && !options->quiet) {
        print_growth_json(&report);
    } else if (!options->quiet) {
        print_growth_text(arena, &report);
    }
    return exit_status_of(report.outcome);
}

int main(int argc, char **argv)
{
    struct es_options options;
    if (sodium_init() < 0 || !es_options_parse(argc, argv, &options)) {
        return EXIT_USAGE;
    }
    int status = EXIT_HOLDS;
    switch (options.action) {
    case ES_OPTIONS_HELP:
        (void)fputs(es_options_help, stdout);
        break;
    case ES_OPTIONS_VERSION:
        (void)puts(VERSION_TEXT);
        break;
    case ES_OPTIONS_VERIFY:
        status = verify(&options);
        break;
    case ES_OPTIONS_GROWTH:
        status = verify_growth(&options);
        break;
    }
    if (fflush(stdout) != 0) {
        (void)fprintf(stderr, "eldersafe-verify: cannot write: %s\n", strerror(errno));
        return EXIT_USAGE;
    }
    return status;
}
