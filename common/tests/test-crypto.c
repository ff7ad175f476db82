/* Unit tests of common/crypto: key files, keyed look-ups, sealed boxes. */
#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/base/random.h"
#include "common/base/text.h"
#include "common/crypto/keyfile.h"
#include "common/crypto/lookup.h"
#include "common/crypto/sealed.h"
#include "common/tests/unit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_SIZE   32
#define SOMEBODY   65534 /* nobody */
#define SECRET_MAX 4096

/* --- key files ------------------------------------------------------------------------------- */

static char folder[sizeof("/tmp/eldersafe-crypto-XXXXXX")];
static char *path;

static int make_folder(void **state)
{
    (void)state;
    memcpy(folder, "/tmp/eldersafe-crypto-XXXXXX", sizeof(folder));
    es_random_init();
    return mkdtemp(folder) == NULL || asprintf(&path, "%s/key", folder) < 0 ? -1 : 0;
}

static int remove_folder(void **state)
{
    (void)state;
    (void)unlink(path);
    free(path);
    return rmdir(folder);
}

static void write_file(const void *bytes, size_t length, mode_t mode)
{
    (void)unlink(path);
    ES_CLEANUP(es_close_p) int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, mode);
    assert_int_equal(write(fd, bytes, length), length);
    assert_int_equal(fchmod(fd, mode), 0);
}

/* The error that reading the file as a key of KEY_SIZE bytes gives, as a heap string. */
static char *refusal(void)
{
    unsigned char key[KEY_SIZE];
    unsigned char untouched[KEY_SIZE];
    struct es_buf error = ES_BUF_INIT;
    memset(key, 0x55, sizeof(key));
    memset(untouched, 0x55, sizeof(untouched));
    assert_false(es_keyfile_read(path, key, sizeof(key), &error));
    assert_memory_equal(key, untouched, sizeof(key));
    assert_true(es_starts_with(es_buf_str(&error), path));
    return es_buf_steal_str(&error);
}

static void expect_refusal(const char *reason)
{
    ES_CLEANUP(es_free_p) char *error = refusal();
    assert_non_null(strstr(error, reason));
}

static void a_written_key_is_read_again_and_is_its_owners_alone(void **state)
{
    (void)state;
    unsigned char key[KEY_SIZE];
    unsigned char again[KEY_SIZE];
    struct stat facts;
    ES_CLEANUP(es_buf_done) struct es_buf error = ES_BUF_INIT;
    (void)unlink(path);
    es_random_bytes(key, sizeof(key));
    mode_t before = umask(0);
    assert_true(es_keyfile_write(path, key, sizeof(key), &error));
    (void)umask(before);
    assert_int_equal(stat(path, &facts), 0);
    assert_int_equal(facts.st_mode & 07777, 0600);
    assert_true(es_keyfile_read(path, again, sizeof(again), &error));
    assert_memory_equal(key, again, sizeof(key));
    /* It is never written over: that would lose a key. */
    assert_false(es_keyfile_write(path, again, sizeof(again), &error));
    assert_non_null(strstr(es_buf_str(&error), "File exists"));
    assert_true(es_keyfile_read(path, again, sizeof(again), &error));
    assert_memory_equal(key, again, sizeof(key));
}

static void E47_a_key_others_could_read_is_refused(void **state)
{
    (void)state;
    static const mode_t modes[] = {0640, 0604, 0620, 0602, 0610, 0601, 0644, 0660, 0777};
    char hex[2 * KEY_SIZE];
    memset(hex, 'a', sizeof(hex));
    for (size_t i = 0; i < ES_ARRAY_LEN(modes); i++) {
        write_file(hex, sizeof(hex), modes[i]);
        expect_refusal("can be used by others than its owner");
    }
    unsigned char key[KEY_SIZE];
    ES_CLEANUP(es_buf_done) struct es_buf error = ES_BUF_INIT;
    write_file(hex, sizeof(hex), 0400);
    assert_true(es_keyfile_read(path, key, sizeof(key), &error));
}

static void E47_a_key_is_for_its_owner_and_root_alone(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        skip(); /* only root can give a file away */
    }
    char hex[2 * KEY_SIZE];
    unsigned char key[KEY_SIZE];
    ES_CLEANUP(es_buf_done) struct es_buf error = ES_BUF_INIT;
    memset(hex, 'a', sizeof(hex));
    write_file(hex, sizeof(hex), 0600);
    assert_int_equal(chmod(folder, 0711), 0);
    assert_int_equal(chown(path, SOMEBODY, SOMEBODY), 0);
    assert_true(es_keyfile_read(path, key, sizeof(key), &error)); /* an operator's commands */
    assert_int_equal(seteuid(SOMEBODY), 0);
    bool owner_reads = es_keyfile_read(path, key, sizeof(key), &error);
    assert_int_equal(seteuid(0), 0);
    assert_true(owner_reads);
    assert_int_equal(seteuid(SOMEBODY - 1), 0);
    char *why = refusal();
    assert_int_equal(seteuid(0), 0);
    assert_non_null(strstr(why, "Permission denied"));
    free(why);
}

static void E47_what_is_no_file_or_no_key_is_refused_without_showing_it(void **state)
{
    (void)state;
    static const struct {
        const char *content;
        size_t length;
        const char *reason;
    } cases[] = {
        {"", 0, "32 bytes as 64 hexadecimal digits"},
        {"canary", 6, "32 bytes as 64 hexadecimal digits"},
        {"00112233445566778899aabbccddeeff00112233445566778899aabbccddeef", 63, "64 hexadecimal"},
        {"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff0", 65, "64 hexadecimal"},
        {"00112233445566778899aabbccddeeff00112233445566778899aabbccddeegg", 64, "64 hexadecimal"},
        {"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n\n", 66,
         "64 hexadecimal"},
        {"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\0", 65, "NUL byte"},
    };
    for (size_t i = 0; i < ES_ARRAY_LEN(cases); i++) {
        write_file(cases[i].content, cases[i].length, 0600);
        ES_CLEANUP(es_free_p) char *error = refusal();
        assert_non_null(strstr(error, cases[i].reason));
        assert_null(strstr(error, "canary"));
        assert_null(strstr(error, "00112233"));
    }
    (void)unlink(path);
    expect_refusal("No such file");
    assert_int_equal(mkdir(path, 0700), 0);
    expect_refusal("is not a regular file");
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0); /* would block a careless reader for ever */
    expect_refusal("is not a regular file");
}

static void E47_a_file_of_several_keys_is_read_line_by_line(void **state)
{
    (void)state;
    static const struct {
        const char *content;
        size_t count; /* 0: refused */
        const char *reason;
    } cases[] = {
        {"0001", 1, ""},
        {"0001\n0203\n", 2, ""},
        {"0001\n0203\n0405", 3, ""},
        {"0001\n0203\n0405\n0607\n", 0, "holds more than 3 keys"},
        {"", 0, "line 1 must hold 2 bytes as 4 hexadecimal digits"},
        {"0001\n\n0203\n", 0, "line 2 must hold"},
        {"0001\n02\n", 0, "line 2 must hold"},
        {"0001\ncanary\n", 0, "line 2 must hold"},
    };
    for (size_t i = 0; i < ES_ARRAY_LEN(cases); i++) {
        ES_CLEANUP(es_buf_done) struct es_buf error = ES_BUF_INIT;
        unsigned char keys[3][2] = {{0}};
        size_t count = 0;
        write_file(cases[i].content, strlen(cases[i].content), 0600);
        assert_int_equal(es_keyfile_read_list(path, keys, 2, 3, &count, &error),
                         cases[i].count > 0);
        assert_int_equal(count, cases[i].count);
        assert_non_null(strstr(es_buf_str(&error), cases[i].reason));
        assert_null(strstr(es_buf_str(&error), "canary"));
        for (unsigned char k = 0; k < 2 * count; k++) {
            assert_int_equal(keys[k / 2][k % 2], k);
        }
    }
}

static void a_text_secret_is_read_without_its_line_end(void **state)
{
    (void)state;
    ES_CLEANUP(es_buf_done) struct es_buf error = ES_BUF_INIT;
    ES_CLEANUP(es_secret_free_p) char *secret = NULL;
    write_file("SG.key with blanks \n", 20, 0600);
    assert_true(es_keyfile_read_text(path, &secret, &error));
    assert_string_equal(secret, "SG.key with blanks ");
    es_secret_free(ES_STEAL(secret));
    char longest[SECRET_MAX + 2];
    memset(longest, 'x', sizeof(longest));
    longest[SECRET_MAX] = '\n';
    write_file(longest, SECRET_MAX + 1, 0600);
    assert_true(es_keyfile_read_text(path, &secret, &error));
    assert_int_equal(strlen(secret), SECRET_MAX);
    es_secret_free(ES_STEAL(secret));
    longest[SECRET_MAX] = 'x';
    write_file(longest, SECRET_MAX + 1, 0600);
    assert_false(es_keyfile_read_text(path, &secret, &error));
    write_file(longest, SECRET_MAX + 2, 0600);
    assert_false(es_keyfile_read_text(path, &secret, &error));
    write_file("\n", 1, 0600);
    assert_false(es_keyfile_read_text(path, &secret, &error));
    assert_null(secret);
    es_secret_free(NULL);
}

/* --- look-ups -------------------------------------------------------------------------------- */

static void a_lookup_is_the_hmac_of_kind_and_text(void **state)
{
    (void)state;
    /* Computed with: printf 'email\0anna@example.dk' | openssl dgst -sha256 -mac HMAC
     *                -macopt hexkey:000102…1f */
    static const char expected[] =
        "c2ec16a3a0fa2796ac0e4a3b6d853666f11ca2cea8b3cd53395672a14de90422";
    struct es_lookup_key key;
    unsigned char wanted[ES_LOOKUP_SIZE];
    unsigned char hash[ES_LOOKUP_SIZE];
    for (size_t i = 0; i < sizeof(key.bytes); i++) {
        key.bytes[i] = (unsigned char)i;
    }
    assert_true(es_parse_hex(expected, wanted, sizeof(wanted)));
    es_lookup(&key, "email", "anna@example.dk", hash);
    assert_memory_equal(hash, wanted, sizeof(hash));
}

static void lookups_of_another_kind_key_or_split_differ(void **state)
{
    (void)state;
    struct es_lookup_key key = {{1}};
    struct es_lookup_key other_key = {{2}};
    unsigned char first[ES_LOOKUP_SIZE];
    unsigned char second[ES_LOOKUP_SIZE];
    es_lookup(&key, "number", "123", first);
    es_lookup(&key, "email", "123", second);
    assert_memory_not_equal(first, second, sizeof(first));
    es_lookup(&key, "number1", "23", second);
    assert_memory_not_equal(first, second, sizeof(first));
    es_lookup(&other_key, "number", "123", second);
    assert_memory_not_equal(first, second, sizeof(first));
}

static void J4_4_member_numbers_have_one_normal_form(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *normal; /* NULL: none */
    } cases[] = {
        {"de-00 12\t34a", "DE001234A"},
        {"A", "A"},
        {"12345678901234567890", "12345678901234567890"},
        {"1234567890 1234567890", "12345678901234567890"},
        {"123456789012345678901", NULL},
        {"", NULL},
        {" - ", NULL},
        {"12\n34", NULL},
        {"12_34", NULL},
        {"\xC3\x86"
         "12",
         NULL},
    };
    for (size_t i = 0; i < ES_ARRAY_LEN(cases); i++) {
        char normal[21] = "unset";
        bool has = es_normal_member_number(cases[i].text, normal, sizeof(normal));
        assert_int_equal(has, cases[i].normal != NULL);
        assert_string_equal(normal, has ? cases[i].normal : "unset");
    }
    char small[4];
    assert_false(es_normal_member_number("1234", small, sizeof(small)));
}

static void J4_4_mail_addresses_have_one_normal_form(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *normal; /* NULL: none */
    } cases[] = {
        {" Anna.Jensen@Example.DK\r\n", "anna.jensen@example.dk"},
        {"a@b", "a@b"},
        {"s\xC3\xB8ren@example.dk", "s\xC3\xB8ren@example.dk"},
        {"@example.dk", NULL},
        {"anna@", NULL},
        {"anna", NULL},
        {"a@b@c", NULL},
        {"", NULL},
        {"a b@c", NULL},
        {"a@b\r\nBcc: x", NULL},
        {"<a@b>", NULL},
        {"a@b\x7F", NULL},
    };
    for (size_t i = 0; i < ES_ARRAY_LEN(cases); i++) {
        char normal[255] = "unset";
        bool has = es_normal_email(cases[i].text, normal, sizeof(normal));
        assert_int_equal(has, cases[i].normal != NULL);
        assert_string_equal(normal, has ? cases[i].normal : "unset");
    }
    char longest[600];
    char normal[255];
    memset(longest, 'a', sizeof(longest));
    longest[100] = '@';
    longest[254] = '\0';
    assert_true(es_normal_email(longest, normal, sizeof(normal)));
    longest[254] = 'a';
    longest[255] = '\0';
    assert_false(es_normal_email(longest, normal, sizeof(normal)));
    longest[255] = 'a';
    longest[599] = '\0';
    assert_false(es_normal_email(longest, normal, sizeof(normal)));
}

/* --- sealed boxes ---------------------------------------------------------------------------- */

struct box_keys {
    unsigned char public_key[ES_SEAL_KEY_SIZE];
    unsigned char secret_key[ES_SEAL_KEY_SIZE];
};

static struct box_keys make_box_keys(void)
{
    struct box_keys keys;
    es_random_bytes(keys.secret_key, sizeof(keys.secret_key));
    es_seal_public_key(keys.secret_key, keys.public_key);
    return keys;
}

static void E85_only_the_holder_of_the_secret_key_opens_a_box(void **state)
{
    (void)state;
    static const char mail[] = "anna@example.dk";
    struct box_keys keys = make_box_keys();
    struct box_keys other = make_box_keys();
    ES_CLEANUP(es_buf_done) struct es_buf sealed = ES_BUF_INIT;
    ES_CLEANUP(es_buf_done) struct es_buf opened = ES_BUF_INIT;
    es_buf_add_str(&sealed, "in front:");
    size_t start = sealed.length;
    es_seal(keys.public_key, mail, strlen(mail), &sealed);
    const unsigned char *box = sealed.data + start;
    size_t length = sealed.length - start;
    assert_int_equal(length, strlen(mail) + ES_SEAL_OVERHEAD);
    assert_null(memmem(sealed.data, sealed.length, "example", 7));
    assert_false(es_seal_open(other.public_key, other.secret_key, box, length, &opened));
    assert_false(es_seal_open(keys.public_key, other.secret_key, box, length, &opened));
    assert_int_equal(opened.length, 0);
    assert_true(es_seal_open(keys.public_key, keys.secret_key, box, length, &opened));
    assert_string_equal(es_buf_str(&opened), mail);
}

static void a_changed_or_cut_box_does_not_open(void **state)
{
    (void)state;
    struct box_keys keys = make_box_keys();
    ES_CLEANUP(es_buf_done) struct es_buf sealed = ES_BUF_INIT;
    ES_CLEANUP(es_buf_done) struct es_buf opened = ES_BUF_INIT;
    es_seal(keys.public_key, "x", 1, &sealed);
    for (size_t i = 0; i < sealed.length; i++) {
        sealed.data[i] ^= 0x01;
        assert_false(
            es_seal_open(keys.public_key, keys.secret_key, sealed.data, sealed.length, &opened));
        sealed.data[i] ^= 0x01;
        assert_false(es_seal_open(keys.public_key, keys.secret_key, sealed.data, i, &opened));
    }
    assert_true(
        es_seal_open(keys.public_key, keys.secret_key, sealed.data, sealed.length, &opened));
}

static void an_empty_text_can_be_sealed_and_two_boxes_never_look_alike(void **state)
{
    (void)state;
    struct box_keys keys = make_box_keys();
    ES_CLEANUP(es_buf_done) struct es_buf first = ES_BUF_INIT;
    ES_CLEANUP(es_buf_done) struct es_buf second = ES_BUF_INIT;
    es_seal(keys.public_key, "", 0, &first);
    es_seal(keys.public_key, "", 0, &second);
    assert_int_equal(first.length, ES_SEAL_OVERHEAD);
    assert_memory_not_equal(first.data, second.data, ES_SEAL_OVERHEAD);
    es_buf_clear(&second);
    assert_true(es_seal_open(keys.public_key, keys.secret_key, first.data, first.length, &second));
    assert_int_equal(second.length, 0);
}

static void a_key_that_protects_nothing_is_found_out_in_time(void **state)
{
    (void)state;
    struct box_keys keys = make_box_keys();
    unsigned char small_order[ES_SEAL_KEY_SIZE] = {0};
    assert_true(es_seal_key_valid(keys.public_key));
    assert_false(es_seal_key_valid(small_order));
    small_order[0] = 1;
    assert_false(es_seal_key_valid(small_order));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_written_key_is_read_again_and_is_its_owners_alone),
        cmocka_unit_test(E47_a_key_others_could_read_is_refused),
        cmocka_unit_test(E47_a_key_is_for_its_owner_and_root_alone),
        cmocka_unit_test(E47_what_is_no_file_or_no_key_is_refused_without_showing_it),
        cmocka_unit_test(E47_a_file_of_several_keys_is_read_line_by_line),
        cmocka_unit_test(a_text_secret_is_read_without_its_line_end),
        cmocka_unit_test(a_lookup_is_the_hmac_of_kind_and_text),
        cmocka_unit_test(lookups_of_another_kind_key_or_split_differ),
        cmocka_unit_test(J4_4_member_numbers_have_one_normal_form),
        cmocka_unit_test(J4_4_mail_addresses_have_one_normal_form),
        cmocka_unit_test(E85_only_the_holder_of_the_secret_key_opens_a_box),
        cmocka_unit_test(a_changed_or_cut_box_does_not_open),
        cmocka_unit_test(an_empty_text_can_be_sealed_and_two_boxes_never_look_alike),
        cmocka_unit_test(a_key_that_protects_nothing_is_found_out_in_time),
    };
    return cmocka_run_group_tests_name("crypto", tests, make_folder, remove_folder);
}
