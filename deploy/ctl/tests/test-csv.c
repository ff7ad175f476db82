/* Unit tests of the CSV reader: what spreadsheets write, what breaks, and where lines are cut. */
#include "common/base/mem.h"
#include "common/tests/unit.h"
#include "deploy/ctl/csv.h"

#include <errno.h>
#include <string.h>

/* An input that is handed out STEP bytes at a time. */
struct input {
    const char *text;
    size_t length;
    size_t step;
    size_t given;
    int interruptions;
};

static ssize_t read_input(void *context, void *buffer, size_t size)
{
    struct input *input = context;
    size_t left = input->length - input->given;
    size_t part = left < input->step ? left : input->step;
    if (input->interruptions > 0) {
        input->interruptions--;
        errno = EINTR;
        return -1;
    }
    part = part < size ? part : size;
    memcpy(buffer, input->text + input->given, part);
    input->given += part;
    return (ssize_t)part;
}

static ssize_t fail_to_read(void *context, void *buffer, size_t size)
{
    (void)context;
    (void)buffer;
    (void)size;
    errno = EIO;
    return -1;
}

static struct input input_of(const char *text)
{
    return (struct input){.text = text, .length = strlen(text), .step = 65536};
}

static void expect_fields(struct es_csv *csv, uint64_t line, size_t count,
                          const char *const *fields)
{
    struct es_csv_record record;
    assert_int_equal(es_csv_next(csv, &record), ES_CSV_RECORD);
    assert_int_equal(record.line, line);
    assert_null(record.problem);
    assert_int_equal(record.count, count);
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(record.fields[i], fields[i]);
    }
}

#define EXPECT(csv, line, ...)                                                                     \
    expect_fields((csv), (line), ES_ARRAY_LEN(((const char *const[]){__VA_ARGS__})),               \
                  (const char *const[]){__VA_ARGS__})

static void expect_bad(struct es_csv *csv, uint64_t line, const char *problem)
{
    struct es_csv_record record;
    assert_int_equal(es_csv_next(csv, &record), ES_CSV_BAD);
    assert_int_equal(record.line, line);
    assert_string_equal(record.problem, problem);
}

static void expect_end(struct es_csv *csv)
{
    struct es_csv_record record;
    assert_int_equal(es_csv_next(csv, &record), ES_CSV_END);
    assert_int_equal(es_csv_next(csv, &record), ES_CSV_END);
}

static void plain_records_are_split(void **state)
{
    (void)state;
    struct input input = input_of("a,b,c\n1,,3\n,\nx\n");
    ES_CLEANUP(es_csv_free_p) struct es_csv *csv = es_csv_new(read_input, &input);
    EXPECT(csv, 1, "a", "b", "c");
    EXPECT(csv, 2, "1", "", "3");
    EXPECT(csv, 3, "", "");
    EXPECT(csv, 4, "x");
    expect_end(csv);
    assert_int_equal(es_csv_position(csv), strlen(input.text));
}

static void line_ends_marks_and_empty_lines_do_not_matter(void **state)
{
    (void)state;
    struct input input = input_of("\xEF\xBB\xBF"
                                  "a,b\r\n\r\n\n1,2\r\n3,4");
    ES_CLEANUP(es_csv_free_p) struct es_csv *csv = es_csv_new(read_input, &input);
    EXPECT(csv, 1, "a", "b");
    EXPECT(csv, 4, "1", "2");
    EXPECT(csv, 5, "3", "4");
    expect_end(csv);
}

static void quotes_hold_separators_and_quotes(void **state)
{
    (void)state;
    struct input input = input_of("a,b\n\"1,5\",\"say \"\"hi\"\"\"\n\"\",\"\"\"\"\n");
    ES_CLEANUP(es_csv_free_p) struct es_csv *csv = es_csv_new(read_input, &input);
    EXPECT(csv, 1, "a", "b");
    EXPECT(csv, 2, "1,5", "say \"hi\"");
    EXPECT(csv, 3, "", "\"");
    expect_end(csv);
}

static void the_first_line_chooses_the_separator(void **state)
{
    (void)state;
    struct input semicolons = input_of("a;b\n1,5;2\n");
    struct input tabs = input_of("a\tb\n1;5\t2\n");
    struct input commas = input_of("a,b;c\n1,2;3\n");
    ES_CLEANUP(es_csv_free_p) struct es_csv *first = es_csv_new(read_input, &semicolons);
    ES_CLEANUP(es_csv_free_p) struct es_csv *second = es_csv_new(read_input, &tabs);
    ES_CLEANUP(es_csv_free_p) struct es_csv *third = es_csv_new(read_input, &commas);
    EXPECT(first, 1, "a", "b");
    EXPECT(first, 2, "1,5", "2");
    EXPECT(second, 1, "a", "b");
    EXPECT(second, 2, "1;5", "2");
    EXPECT(third, 1, "a", "b;c");
}

static void a_bad_line_costs_itself_alone(void **state)
{
    (void)state;
    struct input input = input_of("a,b\n\"1,2\n3\"x\"\n\"4\"5,6\nb\xE6"
                                  "d,7\n8,9\n");
    ES_CLEANUP(es_csv_free_p) struct es_csv *csv = es_csv_new(read_input, &input);
    EXPECT(csv, 1, "a", "b");
    expect_bad(csv, 2, "a quoted field does not end on its line");
    expect_bad(csv, 3, "a quote inside a field without quotes");
    expect_bad(csv, 4, "text after a closing quote");
    expect_bad(csv, 5, "not UTF-8 text");
    EXPECT(csv, 6, "8", "9");
    expect_end(csv);
}

static void nul_bytes_are_refused(void **state)
{
    (void)state;
    struct input input = {.text = "a,b\n1\0,2\n3,4\n", .length = 13, .step = 65536};
    ES_CLEANUP(es_csv_free_p) struct es_csv *csv = es_csv_new(read_input, &input);
    EXPECT(csv, 1, "a", "b");
    expect_bad(csv, 2, "not UTF-8 text");
    EXPECT(csv, 3, "3", "4");
}

static void long_lines_and_many_fields_are_refused(void **state)
{
    (void)state;
    char text[3 * ES_CSV_LINE_MAX];
    memset(text, 'x', sizeof(text));
    text[ES_CSV_LINE_MAX] = '\n'; /* the longest line there may be */
    text[2 * ES_CSV_LINE_MAX + 2] = '\n';
    memset(text + 2 * ES_CSV_LINE_MAX + 3, ',', ES_CSV_FIELDS_MAX);
    text[2 * ES_CSV_LINE_MAX + 3 + ES_CSV_FIELDS_MAX] = '\n';
    memset(text + 2 * ES_CSV_LINE_MAX + 4 + ES_CSV_FIELDS_MAX, ',', ES_CSV_FIELDS_MAX - 1);
    struct input input = {
        .text = text, .length = 2 * ES_CSV_LINE_MAX + 3 + 2 * ES_CSV_FIELDS_MAX, .step = 1000};
    ES_CLEANUP(es_csv_free_p) struct es_csv *csv = es_csv_new(read_input, &input);
    struct es_csv_record record;
    assert_int_equal(es_csv_next(csv, &record), ES_CSV_RECORD);
    assert_int_equal(strlen(record.fields[0]), ES_CSV_LINE_MAX);
    expect_bad(csv, 2, "the line is too long");
    expect_bad(csv, 3, "too many fields");
    assert_int_equal(es_csv_next(csv, &record), ES_CSV_RECORD);
    assert_int_equal(record.count, ES_CSV_FIELDS_MAX);
    expect_end(csv);
}

static void it_does_not_matter_how_the_bytes_arrive(void **state)
{
    (void)state;
    const char *text = "\xEF\xBB\xBF"
                       "a,b\r\n\"x\"\"y\",\xC3\xA6\r\n1,2";
    for (size_t step = 1; step < strlen(text); step++) {
        struct input input = input_of(text);
        input.step = step;
        input.interruptions = 2;
        ES_CLEANUP(es_csv_free_p) struct es_csv *csv = es_csv_new(read_input, &input);
        EXPECT(csv, 1, "a", "b");
        EXPECT(csv, 2, "x\"y", "\xC3\xA6");
        EXPECT(csv, 3, "1", "2");
        expect_end(csv);
    }
}

static void an_empty_input_has_no_records(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "\n", "\r\n\r\n", "\xEF\xBB\xBF", "\xEF\xBB\xBF\r\n"};
    for (size_t i = 0; i < ES_ARRAY_LEN(texts); i++) {
        struct input input = input_of(texts[i]);
        ES_CLEANUP(es_csv_free_p) struct es_csv *csv = es_csv_new(read_input, &input);
        expect_end(csv);
    }
}

static void a_reading_error_is_told(void **state)
{
    (void)state;
    struct es_csv_record record;
    ES_CLEANUP(es_csv_free_p) struct es_csv *csv = es_csv_new(fail_to_read, NULL);
    assert_int_equal(es_csv_next(csv, &record), ES_CSV_UNREADABLE);
    assert_int_equal(errno, EIO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_records_are_split),
        cmocka_unit_test(line_ends_marks_and_empty_lines_do_not_matter),
        cmocka_unit_test(quotes_hold_separators_and_quotes),
        cmocka_unit_test(the_first_line_chooses_the_separator),
        cmocka_unit_test(a_bad_line_costs_itself_alone),
        cmocka_unit_test(nul_bytes_are_refused),
        cmocka_unit_test(long_lines_and_many_fields_are_refused),
        cmocka_unit_test(it_does_not_matter_how_the_bytes_arrive),
        cmocka_unit_test(an_empty_input_has_no_records),
        cmocka_unit_test(a_reading_error_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
