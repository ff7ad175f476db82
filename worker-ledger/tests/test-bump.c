/* Unit tests of worker-ledger/chain: BUMP and the path from a transaction to its block. */
#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/base/text.h"
#include "common/tests/unit.h"
#include "worker-ledger/chain/block-path.h"
#include "worker-ledger/chain/bump.h"
#include "worker-ledger/chain/hash256.h"
#include "worker-ledger/chain/varint.h"

#include <stdlib.h>
#include <string.h>

#define TEST(title, function)                                                                      \
    {                                                                                              \
        title, function, NULL, NULL, NULL                                                          \
    }

/* The example of BRC-74 and BRC-62. */
static const char brc74_bump[] =
    "fe636d0c0007021400fe507c0c7aa754cef1f7889d5fd395cf1f785dd7de98eed895dbedfe4e5bc70d1502ac"
    "4e164f5bc16746bb0868404292ac8318bbac3800e4aad13a014da427adce3e010b00bc4ff395efd11719b277"
    "694cface5aa50d085a0bb81f613f70313acd28cf4557010400574b2d9142b8d28b61d88e3b2c3f44d8584113"
    "56b49a28a4643b6d1a6a092a5201030051a05fc84d531b5d250c23f4f886f6812f9fe3f402d61607f977b4ec"
    "d2701c19010000fd781529d58fc2523cf396a7f25440b409857e7e221766c57214b1d38c7b481f01010062f5"
    "42f45ea3660f86c013ced80534cb5fd4c19d66c56e7e8c5d4bf2d40acc5e010100b121e91836fd7cd5102b65"
    "4e9f72f3cf6fdbfd0b161c53a9c54b12c841126331";

static const char sdk_bump_1[] =
    "fed79f0c000c02fd3803029b490d9c8358ff11afaf45628417c9eb52c1a1fd404078a101b4f71dbba06aa9fd"
    "390300fe82f2768edc3d0cfe4d06b7f390dcb0b7e61cca7f70117d83be0f023204d8ef01fd9d010060893ac6"
    "5c8a8e6b9ef7ed5e05dc3bd25aa904812c09853c5dbf423b58a75d0e01cf0012c3c76d9c332e4701b27bfe70"
    "13e7963b92d1851d59c56955b35aecabbc8bae0166000894384f86a5c4d0d294f9b9441c3ee3d13afa094cca"
    "4515d32813b3fa4fdf3601320002aac507f74c9ff2676705eee1e70897a8baeecaf30c5f49bb22a0c5ce5fda"
    "9a01180021f7e27a08d61245be893a238853d72340881cbd47e0a390895231fa1cc44db9010d004d7a12738a"
    "1654777867182ee6f6efc4d692209badfa5ba9bb126d08da18ed880107004f8e96b4ee6154bd44b7709f3fb4"
    "041bf4426d5f5a594408345605e254af7cdd010200ec7d8b185bc7c096b9b88de6f63ab22baf738d5fc4cbc3"
    "28f2e00644749acf520100007fd48b1d2b678907ba045b07132003db8116468cd6a3d4764e0df4a644ea0a22"
    "0101009bb8ffc1a6ed2ba80ea1b09ff797387115a7129d19e93c003a74e3a20ed6ce590101001106e6ece3f7"
    "0a16de42d0f87b459c71a2440201728bd8541334933726807921";

static const char sdk_bump_2[] =
    "feb39d0c000c02fd340700ed4cb1fdd81916dabb69b63bcd378559cf40916205cd004e7f5381cc2b1ea6acfd"
    "350702957998e38434782b1c40c63a4aca0ffaf4d5d9bc3385f0e9e396f4dd3238f0df01fd9b030012f77e65"
    "627c341a3aaea3a0ed645c0082ef53995f446ab9901a27e4622fd1cc01fdcc010074026299a4ba40fbcf33cc"
    "0c64b384f0bb2fb17c61125609a666b546539c221c01e700730f99f8cf10fccd30730474449172c5f97cde6a"
    "6cf65163359e778463e9f2b9017200a202c78dee487cf96e1a6a04d51faec4debfad09eea28cc624483f2d6f"
    "a53d54013800b51ecabaa590b6bd1805baf4f19fc0eae0dedb533302603579d124059b374b1e011d00a0f366"
    "40f32a43d790bb4c3e7877011aa8ae25e433b2b83c952a16f8452b6b79010f005d68efab62c6c457ce0bb526"
    "194cc16b27f93f8a4899f6d59ffffdddc06e345c01060099f66a0ef693d151bbe9aeb10392ac5a7712243406"
    "f9e821219fd13d1865f569010200201fa17c98478675a96703ded42629a3c7bf32b45d0bff25f8be6849d028"
    "89ae010000367765c2d68e0c926d81ecdf9e3c86991ccf5a52e97c49ad5cf584c8ab030427010100237b58d3"
    "217709b6ebc3bdc093413ba788739f052a0b5b3a413e65444b146bc1";

/* bsv-blockchain ts-sdk, src/transaction/__tests/bump.invalid.vectors.ts, with its complaints. */
static const char *const invalid_bumps[] = {
    /* Invalid offset: 12, at height: 1, with legal offsets: 413 */
    "fed79f0c000c02fd3803029b490d9c8358ff11afaf45628417c9eb52c1a1fd404078a101b4f71dbba06aa9fd"
    "390300fe82f2768edc3d0cfe4d06b7f390dcb0b7e61cca7f70117d83be0f023204d8ef02fd9d010060893ac6"
    "5c8a8e6b9ef7ed5e05dc3bd25aa904812c09853c5dbf423b58a75d0e0c009208390a7786e1626eff4ed1923b"
    "96e71370fe7bb201472e339c6dc7c31200cf01cf0012c3c76d9c332e4701b27bfe7013e7963b92d1851d59c5"
    "6955b35aecabbc8bae0166000894384f86a5c4d0d294f9b9441c3ee3d13afa094cca4515d32813b3fa4fdf36"
    "01320002aac507f74c9ff2676705eee1e70897a8baeecaf30c5f49bb22a0c5ce5fda9a01180021f7e27a08d6"
    "1245be893a238853d72340881cbd47e0a390895231fa1cc44db9010d004d7a12738a1654777867182ee6f6ef"
    "c4d692209badfa5ba9bb126d08da18ed880107004f8e96b4ee6154bd44b7709f3fb4041bf4426d5f5a594408"
    "345605e254af7cdd010200ec7d8b185bc7c096b9b88de6f63ab22baf738d5fc4cbc328f2e00644749acf5201"
    "00007fd48b1d2b678907ba045b07132003db8116468cd6a3d4764e0df4a644ea0a220101009bb8ffc1a6ed2b"
    "a80ea1b09ff797387115a7129d19e93c003a74e3a20ed6ce590101001106e6ece3f70a16de42d0f87b459c71"
    "a2440201728bd8541334933726807921",
    /* Duplicate offset: 413, at height: 1 */
    "fed79f0c000c02fd3803029b490d9c8358ff11afaf45628417c9eb52c1a1fd404078a101b4f71dbba06aa9fd"
    "390300fe82f2768edc3d0cfe4d06b7f390dcb0b7e61cca7f70117d83be0f023204d8ef02fd9d010060893ac6"
    "5c8a8e6b9ef7ed5e05dc3bd25aa904812c09853c5dbf423b58a75d0efd9d01009208390a7786e1626eff4ed1"
    "923b96e71370fe7bb201472e339c6dc7c31200cf01cf0012c3c76d9c332e4701b27bfe7013e7963b92d1851d"
    "59c56955b35aecabbc8bae0166000894384f86a5c4d0d294f9b9441c3ee3d13afa094cca4515d32813b3fa4f"
    "df3601320002aac507f74c9ff2676705eee1e70897a8baeecaf30c5f49bb22a0c5ce5fda9a01180021f7e27a"
    "08d61245be893a238853d72340881cbd47e0a390895231fa1cc44db9010d004d7a12738a1654777867182ee6"
    "f6efc4d692209badfa5ba9bb126d08da18ed880107004f8e96b4ee6154bd44b7709f3fb4041bf4426d5f5a59"
    "4408345605e254af7cdd010200ec7d8b185bc7c096b9b88de6f63ab22baf738d5fc4cbc328f2e00644749acf"
    "520100007fd48b1d2b678907ba045b07132003db8116468cd6a3d4764e0df4a644ea0a220101009bb8ffc1a6"
    "ed2ba80ea1b09ff797387115a7129d19e93c003a74e3a20ed6ce590101001106e6ece3f70a16de42d0f87b45"
    "9c71a2440201728bd8541334933726807921",
    /* Duplicate offset: 231, at height: 3 */
    "feb39d0c000c02fd340700ed4cb1fdd81916dabb69b63bcd378559cf40916205cd004e7f5381cc2b1ea6acfd"
    "350702957998e38434782b1c40c63a4aca0ffaf4d5d9bc3385f0e9e396f4dd3238f0df01fd9b030012f77e65"
    "627c341a3aaea3a0ed645c0082ef53995f446ab9901a27e4622fd1cc01fdcc010074026299a4ba40fbcf33cc"
    "0c64b384f0bb2fb17c61125609a666b546539c221c02e700730f99f8cf10fccd30730474449172c5f97cde6a"
    "6cf65163359e778463e9f2b9e700d9763c2c01f03c0a7786e1626eff4ed1923b96e71370fe7b9208492e332c"
    "1b70017200a202c78dee487cf96e1a6a04d51faec4debfad09eea28cc624483f2d6fa53d54013800b51ecaba"
    "a590b6bd1805baf4f19fc0eae0dedb533302603579d124059b374b1e011d00a0f36640f32a43d790bb4c3e78"
    "77011aa8ae25e433b2b83c952a16f8452b6b79010f005d68efab62c6c457ce0bb526194cc16b27f93f8a4899"
    "f6d59ffffdddc06e345c01060099f66a0ef693d151bbe9aeb10392ac5a7712243406f9e821219fd13d1865f5"
    "69010200201fa17c98478675a96703ded42629a3c7bf32b45d0bff25f8be6849d02889ae010000367765c2d6"
    "8e0c926d81ecdf9e3c86991ccf5a52e97c49ad5cf584c8ab030427010100237b58d3217709b6ebc3bdc09341"
    "3ba788739f052a0b5b3a413e65444b146bc1",
    /* Missing hash for index 923 at height 0 */
    "feb39d0c000c01fd9b030012f77e65627c341a3aaea3a0ed645c0082ef53995f446ab9901a27e4622fd1cc01"
    "fdcc010074026299a4ba40fbcf33cc0c64b384f0bb2fb17c61125609a666b546539c221c01e700730f99f8cf"
    "10fccd30730474449172c5f97cde6a6cf65163359e778463e9f2b9017200a202c78dee487cf96e1a6a04d51f"
    "aec4debfad09eea28cc624483f2d6fa53d54013800b51ecabaa590b6bd1805baf4f19fc0eae0dedb53330260"
    "3579d124059b374b1e011d00a0f36640f32a43d790bb4c3e7877011aa8ae25e433b2b83c952a16f8452b6b79"
    "010f005d68efab62c6c457ce0bb526194cc16b27f93f8a4899f6d59ffffdddc06e345c01060099f66a0ef693"
    "d151bbe9aeb10392ac5a7712243406f9e821219fd13d1865f569010200201fa17c98478675a96703ded42629"
    "a3c7bf32b45d0bff25f8be6849d02889ae010000367765c2d68e0c926d81ecdf9e3c86991ccf5a52e97c49ad"
    "5cf584c8ab030427010100237b58d3217709b6ebc3bdc093413ba788739f052a0b5b3a413e65444b146bc1",
    /* Missing hash for index 1844 at height 6 */
    "feb39d0c000c02fd340700ed4cb1fdd81916dabb69b63bcd378559cf40916205cd004e7f5381cc2b1ea6acfd"
    "350702957998e38434782b1c40c63a4aca0ffaf4d5d9bc3385f0e9e396f4dd3238f0df01fd9b030012f77e65"
    "627c341a3aaea3a0ed645c0082ef53995f446ab9901a27e4622fd1cc01fdcc010074026299a4ba40fbcf33cc"
    "0c64b384f0bb2fb17c61125609a666b546539c221c01e700730f99f8cf10fccd30730474449172c5f97cde6a"
    "6cf65163359e778463e9f2b9017200a202c78dee487cf96e1a6a04d51faec4debfad09eea28cc624483f2d6f"
    "a53d54013800b51ecabaa590b6bd1805baf4f19fc0eae0dedb533302603579d124059b374b1e00010f005d68"
    "efab62c6c457ce0bb526194cc16b27f93f8a4899f6d59ffffdddc06e345c01060099f66a0ef693d151bbe9ae"
    "b10392ac5a7712243406f9e821219fd13d1865f569010200201fa17c98478675a96703ded42629a3c7bf32b4"
    "5d0bff25f8be6849d02889ae010000367765c2d68e0c926d81ecdf9e3c86991ccf5a52e97c49ad5cf584c8ab"
    "030427010100237b58d3217709b6ebc3bdc093413ba788739f052a0b5b3a413e65444b146bc1",
    /* Mismatched roots */
    "fed79f0c000c04fd3803029b490d9c8358ff11afaf45628417c9eb52c1a1fd404078a101b4f71dbba06aa9fd"
    "390300fe82f2768edc3d0cfe4d06b7f390dcb0b7e61cca7f70117d83be0f023204d8effd3a03007fd48b1d2b"
    "678907ba045b07132003db8116468cd6a3d4764e0df4a644ea0a22fd3b03009bb8ffc1a6ed2ba80ea1b09ff7"
    "97387115a7129d19e93c003a74e3a20ed6ce5902fd9d010060893ac65c8a8e6b9ef7ed5e05dc3bd25aa90481"
    "2c09853c5dbf423b58a75d0efd9c01002eea60ed9ca5ed2ba80ea1b09ff797387115a79bb8ffc176fe433712"
    "9d393e0101cf0012c3c76d9c332e4701b27bfe7013e7963b92d1851d59c56955b35aecabbc8bae0166000894"
    "384f86a5c4d0d294f9b9441c3ee3d13afa094cca4515d32813b3fa4fdf3601320002aac507f74c9ff2676705"
    "eee1e70897a8baeecaf30c5f49bb22a0c5ce5fda9a01180021f7e27a08d61245be893a238853d72340881cbd"
    "47e0a390895231fa1cc44db9010d004d7a12738a1654777867182ee6f6efc4d692209badfa5ba9bb126d08da"
    "18ed880107004f8e96b4ee6154bd44b7709f3fb4041bf4426d5f5a594408345605e254af7cdd010200ec7d8b"
    "185bc7c096b9b88de6f63ab22baf738d5fc4cbc328f2e00644749acf520100007fd48b1d2b678907ba045b07"
    "132003db8116468cd6a3d4764e0df4a644ea0a220101009bb8ffc1a6ed2ba80ea1b09ff797387115a7129d19"
    "e93c003a74e3a20ed6ce590101001106e6ece3f70a16de42d0f87b459c71a2440201728bd854133493372680"
    "7921",
};

static struct es_hash hash_shown(const char *text)
{
    struct es_hash hash;
    assert_true(es_hash256_parse(text, &hash));
    return hash;
}

static bool parse_hex(struct es_arena *arena, const char *hex, struct es_bump *ret_bump)
{
    size_t length = strlen(hex) / 2;
    unsigned char *bytes = es_arena_alloc(arena, length + 1);
    assert_true(es_parse_hex(hex, bytes, length));
    return es_bump_parse(arena, bytes, length, ret_bump);
}

static void assert_hex(const struct es_buf *bytes, const char *hex)
{
    ES_CLEANUP(es_buf_done) struct es_buf text = ES_BUF_INIT;
    es_buf_add_hex(&text, bytes->data, bytes->length);
    assert_string_equal(es_buf_str(&text), hex);
}

static void published_bumps(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        const char *txid;
        const char *root;
        uint64_t height;
        uint64_t index;
    } cases[] = {
        {brc74_bump, "3ecead27a44d013ad1aae40038acbb1883ac9242406808bb4667c15b4f164eac",
         "bb6f640cc4ee56bf38eb5a1969ac0c16caa2d3d202b22bf3735d10eec0ca6e00", 814435, 21},
        {sdk_bump_1, "a96aa0bb1df7b401a1784040fda1c152ebc917846245afaf11ff58839c0d499b",
         "55e5f9f7d335fe176f5c774c73aa7053fec9ffa6422a78bd79c836acdada8440", 827351, 824},
    };
    for (size_t i = 0; i < ES_ARRAY_LEN(cases); i++) {
        ES_CLEANUP(es_arena_free_p) struct es_arena *arena = es_arena_new(0);
        ES_CLEANUP(es_buf_done) struct es_buf again = ES_BUF_INIT;
        struct es_bump bump;
        struct es_block_path path;
        struct es_hash root;
        struct es_hash txid = hash_shown(cases[i].txid);
        struct es_hash expected = hash_shown(cases[i].root);
        assert_true(parse_hex(arena, cases[i].hex, &bump));
        assert_true(es_block_path_from_bump(&bump, &txid, &path));
        assert_int_equal(path.height, cases[i].height);
        assert_int_equal(path.index, cases[i].index);
        assert_true(es_block_path_root(&path, &root));
        assert_memory_equal(root.bytes, expected.bytes, sizeof(root.bytes));
        es_block_path_write(&path, &again);
        assert_hex(&again, cases[i].hex);
    }
}

static void parsing_and_writing_are_inverse(void **state)
{
    (void)state;
    static const char *const hexes[] = {brc74_bump, sdk_bump_1, sdk_bump_2};
    for (size_t i = 0; i < ES_ARRAY_LEN(hexes); i++) {
        ES_CLEANUP(es_arena_free_p) struct es_arena *arena = es_arena_new(0);
        ES_CLEANUP(es_buf_done) struct es_buf again = ES_BUF_INIT;
        struct es_bump bump;
        assert_true(parse_hex(arena, hexes[i], &bump));
        es_bump_write(&bump, &again);
        assert_hex(&again, hexes[i]);
    }
}

/* Is there a transaction in this BUMP whose path is exactly these bytes? */
static bool is_sound(const char *hex)
{
    ES_CLEANUP(es_arena_free_p) struct es_arena *arena = es_arena_new(0);
    ES_CLEANUP(es_buf_done) struct es_buf again = ES_BUF_INIT;
    ES_CLEANUP(es_buf_done) struct es_buf text = ES_BUF_INIT;
    struct es_bump bump;
    struct es_block_path path;
    struct es_hash root;
    if (!parse_hex(arena, hex, &bump)) {
        return false;
    }
    for (size_t i = 0; i < bump.levels[0].count; i++) {
        const struct es_bump_node *node = &bump.levels[0].nodes[i];
        if (node->is_txid && es_block_path_from_bump(&bump, &node->hash, &path) &&
            es_block_path_root(&path, &root)) {
            es_block_path_write(&path, &again);
        }
    }
    es_buf_add_hex(&text, again.data, again.length);
    return strcmp(es_buf_str(&text), hex) == 0;
}

static void published_invalid_bumps_are_refused(void **state)
{
    (void)state;
    assert_true(is_sound(sdk_bump_1));
    for (size_t i = 0; i < ES_ARRAY_LEN(invalid_bumps); i++) {
        assert_false(is_sound(invalid_bumps[i]));
    }
}

#define H1 "1111111111111111111111111111111111111111111111111111111111111111"
#define H2 "2222222222222222222222222222222222222222222222222222222222222222"

static const char *const malformed_bumps[] = {
    "",
    "01",
    "0100", /* no level */
    "0140"
    "02"
    "0002" H1 "0100" H2, /* 64 levels */
    "0101"
    "00", /* an empty lowest level */
    "0101"
    "02"
    "0002" H1 "0200" H2, /* offset 2 where there are 2 nodes */
    "0101"
    "02"
    "0002" H1 "0000" H2, /* an offset twice */
    "0101"
    "02"
    "0002" H1 "0103", /* unknown flags */
    "0101"
    "02"
    "0002" H1 "0104" H2,
    "0101"
    "02"
    "0001"
    "0102" H1, /* a duplicate on the left */
    "0101"
    "02"
    "0002" H1 "0100" H2 "00", /* a byte too many */
    "0101"
    "02"
    "0002" H1 "0100", /* a hash missing */
    "0101"
    "fd0200"
    "0002" H1 "0100" H2, /* varints longer than needed */
    "fd0100"
    "01"
    "02"
    "0002" H1 "0100" H2,
    "ff0000000001000000"
    "01"
    "02"
    "0002" H1 "0100" H2, /* height beyond 32 bits */
    "0101"
    "ffffffffffffffffff",
    "0102"
    "02"
    "0002" H1 "0100" H2 "01"
    "0102" H2, /* a txid on an upper level */
};

static void malformed_bumps_are_refused(void **state)
{
    (void)state;
    ES_CLEANUP(es_arena_free_p) struct es_arena *arena = es_arena_new(0);
    struct es_bump bump;
    assert_true(parse_hex(arena,
                          "0101"
                          "02"
                          "0002" H1 "0100" H2,
                          &bump));
    assert_true(parse_hex(arena,
                          "0101"
                          "02"
                          "0002" H1 "0101",
                          &bump));
    for (size_t i = 0; i < ES_ARRAY_LEN(malformed_bumps); i++) {
        assert_false(parse_hex(arena, malformed_bumps[i], &bump));
    }
    ES_CLEANUP(es_buf_done) struct es_buf long_input = ES_BUF_INIT;
    es_buf_add_zeros(&long_input, ES_BUMP_SIZE_MAX + 1);
    assert_false(es_bump_parse(arena, long_input.data, long_input.length, &bump));
}

static void cut_bumps_are_refused(void **state)
{
    (void)state;
    ES_CLEANUP(es_arena_free_p) struct es_arena *arena = es_arena_new(0);
    unsigned char bytes[sizeof(brc74_bump) / 2];
    struct es_bump bump;
    assert_true(es_parse_hex(brc74_bump, bytes, sizeof(bytes)));
    for (size_t length = 0; length < sizeof(bytes); length++) {
        assert_false(es_bump_parse(arena, bytes, length, &bump));
    }
}

#define BLOCK_MAX 40

/* Root and paths of a block by the definition: pair up, the odd last one with itself. */
static struct es_hash naive_block(const struct es_hash *txids, size_t count, size_t index,
                                  struct es_block_path *path)
{
    struct es_hash row[BLOCK_MAX + 1];
    *path = (struct es_block_path){.height = 7, .txid = txids[index], .index = index};
    memcpy(row, txids, count * sizeof(*row));
    for (; count > 1; count = (count + 1) / 2, index /= 2) {
        struct es_block_step *step = &path->steps[path->depth++];
        step->duplicate = (index ^ 1) >= count;
        if (!step->duplicate) {
            step->sibling = row[index ^ 1];
        }
        row[count] = row[count - 1];
        for (size_t i = 0; i < (count + 1) / 2; i++) {
            row[i] = es_hash256_pair(&row[2 * i], &row[2 * i + 1]);
        }
    }
    return row[0];
}

static void make_txids(struct es_hash txids[BLOCK_MAX])
{
    for (size_t i = 0; i < BLOCK_MAX; i++) {
        txids[i] = es_hash256(&i, sizeof(i));
    }
}

static void every_transaction_of_every_block(void **state)
{
    (void)state;
    struct es_hash txids[BLOCK_MAX];
    make_txids(txids);
    for (size_t count = 1; count <= BLOCK_MAX; count++) {
        for (size_t index = 0; index < count; index++) {
            ES_CLEANUP(es_arena_free_p) struct es_arena *arena = es_arena_new(0);
            ES_CLEANUP(es_buf_done) struct es_buf bytes = ES_BUF_INIT;
            struct es_block_path path;
            struct es_block_path read;
            struct es_bump bump;
            struct es_hash root;
            struct es_hash expected = naive_block(txids, count, index, &path);
            es_block_path_write(&path, &bytes);
            assert_true(es_bump_parse(arena, bytes.data, bytes.length, &bump));
            assert_true(es_block_path_from_bump(&bump, &txids[index], &read));
            assert_int_equal(read.index, index);
            assert_true(es_block_path_root(&read, &root));
            assert_memory_equal(root.bytes, expected.bytes, sizeof(root.bytes));
        }
    }
}

/* CVE-2012-2459: the list (1, 2, 3) and the list (1, 2, 3, 3) have one root. A proof from the
 * second list, in which the copy stands as a transaction of its own, is refused. */
static void mutated_lists_are_refused(void **state)
{
    (void)state;
    struct es_hash txids[BLOCK_MAX];
    struct es_block_path path;
    struct es_hash root;
    make_txids(txids);
    struct es_hash honest = naive_block(txids, 3, 2, &path);
    assert_true(es_block_path_root(&path, &root) && es_hash_equal(&root, &honest));
    txids[3] = txids[2];
    for (size_t index = 2; index < 4; index++) {
        struct es_hash mutated = naive_block(txids, 4, index, &path);
        assert_true(es_hash_equal(&mutated, &honest));
        assert_false(es_block_path_root(&path, &root));
    }
    txids[4] = txids[0]; /* the same one level up: (1, 2, 1, 2) for (1, 2) */
    txids[2] = txids[0];
    txids[3] = txids[1];
    (void)naive_block(txids, 4, 1, &path);
    assert_false(es_block_path_root(&path, &root));
}

static void duplicates_stand_only_at_the_right_edge(void **state)
{
    (void)state;
    struct es_hash txids[BLOCK_MAX];
    struct es_block_path path;
    struct es_hash root;
    make_txids(txids);
    (void)naive_block(txids, 8, 2, &path);
    path.steps[0].duplicate = true; /* index 2 would be the last, but there is more to the right */
    assert_false(es_block_path_root(&path, &root));
    (void)naive_block(txids, 8, 3, &path);
    path.steps[0].duplicate = true; /* a right node has a left neighbour of its own */
    assert_false(es_block_path_root(&path, &root));
    (void)naive_block(txids, 1, 0, &path);
    path.depth = 1;
    path.steps[0].duplicate = true; /* a tree ends at its root */
    assert_false(es_block_path_root(&path, &root));
    (void)naive_block(txids, 5, 4, &path);
    assert_true(es_block_path_root(&path, &root));
    path.depth = 2; /* the index does not fit a lower tree */
    assert_false(es_block_path_root(&path, &root));
}

static void inner_nodes_are_no_transactions(void **state)
{
    (void)state;
    struct es_hash txids[BLOCK_MAX];
    struct es_block_path path;
    make_txids(txids);
    struct es_hash root = naive_block(txids, 4, 0, &path);
    unsigned char node[ES_BLOCK_NODE_SIZE];
    memcpy(node, txids[0].bytes, ES_HASH_SIZE);
    memcpy(node + ES_HASH_SIZE, txids[1].bytes, ES_HASH_SIZE);
    struct es_block_path shorter = {
        .txid = es_hash256(node, sizeof(node)), .depth = 1, .steps = {path.steps[1]}};
    struct es_hash reached;
    assert_true(es_block_path_root(&shorter, &reached) && es_hash_equal(&reached, &root));
    assert_false(es_block_path_proves(&shorter, node, sizeof(node), &root));
}

static void transactions_are_proven_by_their_bytes(void **state)
{
    (void)state;
    static const char transaction[] = "not really one, but bytes all the same";
    struct es_hash txids[BLOCK_MAX];
    struct es_block_path path;
    make_txids(txids);
    txids[1] = es_hash256(transaction, sizeof(transaction));
    struct es_hash root = naive_block(txids, 3, 1, &path);
    assert_true(es_block_path_proves(&path, transaction, sizeof(transaction), &root));
    assert_false(es_block_path_proves(&path, transaction, sizeof(transaction) - 1, &root));
    assert_false(es_block_path_proves(&path, transaction, sizeof(transaction), &txids[0]));
}

/* Nodes of several transactions, unordered and with parents left out, as broadcasters send them. */
static void compound_bumps_are_taken_apart(void **state)
{
    (void)state;
    ES_CLEANUP(es_arena_free_p) struct es_arena *arena = es_arena_new(0);
    ES_CLEANUP(es_buf_done) struct es_buf bytes = ES_BUF_INIT;
    struct es_hash txids[BLOCK_MAX];
    struct es_bump_node nodes[6];
    struct es_bump bump = {.height = 7, .level_count = 3};
    make_txids(txids);
    for (size_t i = 0; i < 5; i++) {
        nodes[i] = (struct es_bump_node){.offset = 4 - i, .hash = txids[4 - i]};
    }
    nodes[5] = (struct es_bump_node){.offset = 5, .duplicate = true};
    struct es_bump_node upper = {.offset = 3, .duplicate = true};
    bump.levels[0] = (struct es_bump_level){.nodes = nodes, .count = 6};
    bump.levels[1] = (struct es_bump_level){.nodes = &upper, .count = 1};
    es_bump_write(&bump, &bytes);
    assert_true(es_bump_parse(arena, bytes.data, bytes.length, &bump));
    for (size_t index = 0; index < 5; index++) {
        struct es_block_path expected;
        struct es_block_path path;
        struct es_hash root;
        struct es_hash expected_root = naive_block(txids, 5, index, &expected);
        assert_true(es_block_path_from_bump(&bump, &txids[index], &path));
        assert_true(es_block_path_root(&path, &root));
        assert_true(es_hash_equal(&root, &expected_root));
        ES_CLEANUP(es_buf_done) struct es_buf canonical = ES_BUF_INIT;
        ES_CLEANUP(es_buf_done) struct es_buf wanted = ES_BUF_INIT;
        es_block_path_write(&path, &canonical);
        es_block_path_write(&expected, &wanted);
        assert_int_equal(canonical.length, wanted.length);
        assert_memory_equal(canonical.data, wanted.data, wanted.length);
    }
    struct es_block_path path;
    assert_false(es_block_path_from_bump(&bump, &txids[9], &path));
    bump.levels[0].count = 4; /* transaction 0 and the duplicate are gone: gaps */
    assert_false(es_block_path_from_bump(&bump, &txids[1], &path));
}

static void tsc_proofs_are_converted(void **state)
{
    (void)state;
    struct es_hash txids[BLOCK_MAX];
    struct es_block_path expected;
    struct es_block_path path;
    char texts[3][ES_HASH256_TEXT_SIZE];
    const char *nodes[3];
    make_txids(txids);
    (void)naive_block(txids, 5, 4, &expected);
    assert_int_equal(expected.depth, 3);
    for (size_t i = 0; i < 3; i++) {
        es_hash256_format(&expected.steps[i].sibling, texts[i]);
        nodes[i] = expected.steps[i].duplicate ? "*" : texts[i];
    }
    assert_true(es_block_path_from_tsc(7, &txids[4], 4, nodes, 3, &path));
    ES_CLEANUP(es_buf_done) struct es_buf bytes = ES_BUF_INIT;
    ES_CLEANUP(es_buf_done) struct es_buf wanted = ES_BUF_INIT;
    es_block_path_write(&path, &bytes);
    es_block_path_write(&expected, &wanted);
    assert_int_equal(bytes.length, wanted.length);
    assert_memory_equal(bytes.data, wanted.data, wanted.length);
    nodes[2] = "xyz";
    assert_false(es_block_path_from_tsc(7, &txids[4], 4, nodes, 3, &path));
    assert_false(es_block_path_from_tsc(7, &txids[4], 4, nodes, ES_BUMP_LEVELS_MAX + 1, &path));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST("N1 J2.9 published BUMPs lead to their roots", published_bumps),
        TEST("parsing and writing are inverse", parsing_and_writing_are_inverse),
        TEST("published invalid BUMPs are refused", published_invalid_bumps_are_refused),
        TEST("malformed BUMPs are refused", malformed_bumps_are_refused),
        TEST("cut BUMPs are refused", cut_bumps_are_refused),
        TEST("N1 every transaction of every block", every_transaction_of_every_block),
        TEST("N1 mutated lists are refused (CVE-2012-2459)", mutated_lists_are_refused),
        TEST("N1 duplicates stand only at the right edge", duplicates_stand_only_at_the_right_edge),
        TEST("N1 inner nodes are no transactions", inner_nodes_are_no_transactions),
        TEST("N1 transactions are proven by their bytes", transactions_are_proven_by_their_bytes),
        TEST("J2.9 compound BUMPs are taken apart", compound_bumps_are_taken_apart),
        TEST("J2.6 TSC proofs are converted", tsc_proofs_are_converted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
