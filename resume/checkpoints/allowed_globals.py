"""The Python names that the pickles of a checkpoint may refer to: tensors, plain containers, and the table of shards.

`torch.load(weights_only=True)` accepts every name of `ALLOWED_GLOBALS` too; a test compares.
"""

_DTYPES = """
    bool uint1 uint2 uint3 uint4 uint5 uint6 uint7 uint8 uint16 uint32 uint64 int1 int2 int3 int4 int5 int6 int7 int8
    int16 int32 int64 float16 bfloat16 float32 float64 complex32 complex64 complex128 float8_e4m3fn float8_e4m3fnuz
    float8_e5m2 float8_e5m2fnuz float8_e8m0fnu float4_e2m1fn_x2 qint8 quint8 qint32 quint4x2 quint2x4 bits1x8 bits2x4
    bits4x2 bits8 bits16 bcomplex32
"""
_STORAGES = """
    BoolStorage ByteStorage CharStorage ShortStorage IntStorage LongStorage HalfStorage BFloat16Storage FloatStorage
    DoubleStorage ComplexFloatStorage ComplexDoubleStorage QInt8Storage QUInt8Storage QInt32Storage QUInt4x2Storage
    QUInt2x4Storage
"""
_QUANTIZATION = """
    per_tensor_affine per_tensor_symmetric per_channel_affine per_channel_symmetric per_channel_affine_float_qparams
"""
_REBUILDING = """
    _rebuild_tensor _rebuild_tensor_v2 _rebuild_tensor_v3 _rebuild_parameter _rebuild_parameter_with_state
    _rebuild_qtensor _rebuild_sparse_tensor _rebuild_meta_tensor_no_storage _rebuild_device_tensor_from_cpu_tensor
"""

# These hash the items of what they are called with.
HASHING = frozenset({"collections.OrderedDict", "collections.Counter", "builtins.set"})
BYTEARRAY = "builtins.bytearray"
ENCODE = "_codecs.encode"  # makes bytes of a text
# torch.save refers to these and never calls them. With a number they would take that much memory.
NOT_CALLED = frozenset({"torch.Tensor", "torch.storage.TypedStorage", "torch.storage.UntypedStorage"})

ALLOWED_GLOBALS = frozenset(
    {
        *HASHING,
        *NOT_CALLED,
        BYTEARRAY,
        ENCODE,
        "builtins.complex",
        "torch.Size",
        "torch.device",
        "torch.nn.parameter.Parameter",
        "torch.serialization._get_layout",
        "torch._tensor._rebuild_from_type_v2",
        *(f"torch.{name}" for names in (_DTYPES, _STORAGES, _QUANTIZATION) for name in names.split()),
        *(f"torch._utils.{name}" for name in _REBUILDING.split()),
    }
)

_METADATA = """
    BytesStorageMetadata ChunkStorageMetadata Metadata MetadataIndex StorageMeta TensorProperties TensorStorageMetadata
    _MEM_FORMAT_ENCODING
"""
_PATHS = "Path PosixPath WindowsPath PurePosixPath PureWindowsPath"
# What the table of a folder of shards is made of, in addition to the names above.
TABLE_GLOBALS = frozenset(
    {
        *(f"torch.distributed.checkpoint.metadata.{name}" for name in _METADATA.split()),
        "torch.distributed.checkpoint.filesystem._StorageInfo",
        *(f"pathlib.{name}" for name in _PATHS.split()),
    }
)
