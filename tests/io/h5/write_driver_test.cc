#include "io/h5/write_driver.h"

#include <gtest/gtest.h>

#include "io/h5/handles.h"
#include "tests/io/h5/sample_output.h"

namespace rankine::io {
namespace {

using namespace test;

// One data set of three chunks of 8 bytes, written through the driver as the test wants it.
class DriverTest : public ::testing::Test {
 protected:
  void SetUp() override {
    write_file(path, Contents(kDataStart + 24));
    const H5Plist access(H5Pcreate(H5P_FILE_ACCESS));
    driver.install(access);
    file = H5File(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access));
    ASSERT_TRUE(file.valid());
    const hsize_t length = 6, chunk = 2;
    const H5Space space(H5Screate_simple(1, &length, nullptr));
    const H5Plist creation(H5Pcreate(H5P_DATASET_CREATE));
    H5Pset_chunk(creation, 1, &chunk);
    data_set =
        H5Dataset(H5Dcreate2(file, "d", H5T_STD_I32LE, space, H5P_DEFAULT, creation, H5P_DEFAULT));
    ASSERT_TRUE(data_set.valid());
  }
  herr_t write_chunk(hsize_t offset, std::size_t size) {
    const std::int32_t values[4] = {1, 2, 3, 4};
    return H5Dwrite_chunk(data_set, H5P_DEFAULT, 0, &offset, size, values);
  }

  H5Lock lock;
  TempFolder folder;
  std::string path = folder / "d.h5";
  WriteDriver driver{kDataStart + 24};
  H5File file;
  H5Dataset data_set;
};

TEST_F(DriverTest, AcceptsAChunkThatIsAllocatedAndWrittenOnce) {
  driver.arm(kDataStart + 8, 8);
  EXPECT_GE(write_chunk(0, 8), 0);
  EXPECT_TRUE(driver.disarm()) << driver.problem();
  EXPECT_EQ(read_file(path)[kDataStart + 8], std::byte{0});  // the write was skipped
}

TEST_F(DriverTest, RefusesAnotherSize) {
  driver.arm(kDataStart, 12);
  write_chunk(0, 8);
  EXPECT_FALSE(driver.disarm());
  EXPECT_EQ(driver.problem(), "HDF5 allocated 8 bytes where a chunk of 12 was expected once");
}

TEST_F(DriverTest, RefusesAnAddressOutsideTheData) {
  driver.arm(kDataStart + 20, 8);
  EXPECT_FALSE(driver.disarm());
  EXPECT_EQ(driver.problem(), "8 bytes at 4116 lie outside the data");
}

TEST_F(DriverTest, RefusesAChunkThatHdf5PlacesItself) {
  EXPECT_GE(write_chunk(0, 8), 0);  // not armed: ordinary raw data, after the chunks
  driver.arm(kDataStart, 8);
  EXPECT_GE(write_chunk(0, 8), 0);  // it has a place already: nothing is allocated
  EXPECT_FALSE(driver.disarm());
  EXPECT_EQ(driver.problem(), "HDF5 allocated 0 and wrote 0 times where it was once each");
}

TEST_F(DriverTest, RefusesWritesOverTheData) {
  driver.arm(kDataStart, 8);
  EXPECT_GE(write_chunk(0, 8), 0);
  EXPECT_TRUE(driver.disarm());
  write_chunk(0, 8);  // the same chunk again, not armed: it would be overwritten
  EXPECT_EQ(driver.problem(), "HDF5 wrote 8 bytes at 4096, over the data");
  EXPECT_EQ(read_file(path)[kDataStart], std::byte{0});
}

// Variable-length attributes lie in global heaps, which HDF5 writes as raw data, here from inside
// H5Dwrite_chunk because the chunk index outgrows its metadata cache. A driver that took every raw
// write for a chunk would lose them without an error.
TEST(WriteDriver, KeepsTheHeapsThatHdf5WritesWhileChunksAreIndexed) {
  constexpr hsize_t kChunks = 60'000;
  const H5Lock lock;
  TempFolder folder;
  const std::string path = folder / "d.h5";
  write_file(path, Contents(kDataStart + kChunks));
  WriteDriver driver(kDataStart + kChunks);
  {
    const H5Plist access(H5Pcreate(H5P_FILE_ACCESS));
    driver.install(access);
    const H5File file(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access));
    const hsize_t chunk = 1;
    const H5Space space(H5Screate_simple(1, &kChunks, nullptr));
    const H5Plist creation(H5Pcreate(H5P_DATASET_CREATE));
    H5Pset_chunk(creation, 1, &chunk);
    const H5Dataset data_set(
        H5Dcreate2(file, "d", H5T_STD_I8LE, space, H5P_DEFAULT, creation, H5P_DEFAULT));
    const H5Type text(H5Tcopy(H5T_C_S1));
    H5Tset_size(text, H5T_VARIABLE);
    const H5Space scalar(H5Screate(H5S_SCALAR));
    const H5Attr attribute(H5Acreate2(data_set, "a", text, scalar, H5P_DEFAULT, H5P_DEFAULT));
    const char* value = "kept";
    ASSERT_GE(H5Awrite(attribute, text, &value), 0);
    for (hsize_t i = 0; i < kChunks; ++i) {
      driver.arm(kDataStart + i, 1);
      ASSERT_GE(H5Dwrite_chunk(data_set, H5P_DEFAULT, 0, &i, 1, "x"), 0);
      ASSERT_TRUE(driver.disarm()) << driver.problem();
    }
  }
  const CommandResult read = run_command("/usr/bin/python3 -c \"import h5py\nd = h5py.File('" +
                                         path + "')['d']\nprint(d.attrs['a'], d[:].any())\"");
  EXPECT_EQ(read.text, "kept False\n");
}

}  // namespace
}  // namespace rankine::io
