"""The Python names that a checkpoint may refer to: those by which torch.save writes tensors and plain containers.

All of them are names that `torch.load(weights_only=True)` takes too; a test compares.
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

# They hash what they are given.
HASHING = frozenset({"collections.OrderedDict", "collections.Counter", "builtins.set"})

ALLOWED_GLOBALS = frozenset(
    {
        *HASHING,
        "builtins.bytearray",
        "builtins.complex",
        "_codecs.encode",  # bytes
        "torch.Size",
        "torch.Tensor",
        "torch.device",
        "torch.nn.parameter.Parameter",
        "torch.serialization._get_layout",
        "torch.storage.TypedStorage",
        "torch.storage.UntypedStorage",
        "torch._tensor._rebuild_from_type_v2",
        *(f"torch.{name}" for names in (_DTYPES, _STORAGES, _QUANTIZATION) for name in names.split()),
        *(f"torch._utils.{name}" for name in _REBUILDING.split()),
    }
)
