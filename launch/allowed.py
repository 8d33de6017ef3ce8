"""What the configuration of a checkpoint from elsewhere may name: exact classes, and the arguments that each may get.

No functions and no packages as a whole: what is not in this table, a user types or trusts. An argument takes numbers
(also truth values, null, and lists of them) unless a word behind its name says otherwise, as in `monitor:word`.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

CLASS = "class"
CLASSES = "classes"
PLACE = "place"
_LONGEST = 1000
# Neither a path nor a dotted name nor YAML, so that no parser makes anything of it.
_WORD = re.compile(r"[\w /+,-]*")
_NAME = re.compile(r"[\w-]*")
_TIME = re.compile(r"[\d:. ]+|\d+ days?, [\d:.]+")
_COLOUR = re.compile("#[0-9a-fA-F]{6}")
_SHOWN = re.compile(r"[^\x00-\x1f\x7f-\x9f]*")
_DEVICE = re.compile(r"(auto|cpu|mps|cuda)(:\d{1,3})?")


@dataclass(frozen=True)
class Rule:
    """What one argument may get.

    Attributes:
        form: `class`: a mapping with a class path; `classes`: one, or a list of them; `place`: nothing, the program
            decides where to write; else a key of `FORMS`.
        words: Texts that are allowed too.
    """

    form: str
    words: tuple[str, ...] = ()

    def accepts(self, value: Any) -> bool:
        """Whether a value that names no class is allowed."""
        return _is_number(value) or value in self.words or (self.form in FORMS and FORMS[self.form](value))


def _is_number(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float) or (isinstance(value, list) and _all(value))


def _all(values: list[Any]) -> bool:
    return all(map(_is_number, values))


def _matches(form: re.Pattern[str]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and len(value) <= _LONGEST and form.fullmatch(value) is not None


_is_word, _is_time, _is_colour, _is_shown = (_matches(form) for form in (_WORD, _TIME, _COLOUR, _SHOWN))


def _is_words(value: Any) -> bool:
    return _is_word(value) or (isinstance(value, list) and all(map(_is_word, value)))


def _is_counts(value: Any) -> bool:
    """Whether it is a mapping of words or numbers to numbers, such as {days: 1} or {4: 2}."""
    return isinstance(value, dict) and all(
        (type(key) is int or _is_word(key)) and type(item) in (int, float) for key, item in value.items()
    )


def _is_folder(value: Any) -> bool:
    """Whether it is a path to read from on this machine; on Windows, opening another one means to log in there."""
    return isinstance(value, str) and "://" not in value and not value.startswith(("\\\\", "//"))


def _is_folders(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_folder, value))


def _is_values(value: Any) -> bool:
    """Whether it is a list of numbers and colours, or of lists of these."""
    return isinstance(value, list) and all(_is_number(one) or _is_colour(one) or _is_values(one) for one in value)


def _is_names(value: Any) -> bool:
    """Whether it is a list of names to be shown, on one line each."""
    return isinstance(value, list) and all(map(_is_shown, value))


FORMS: Mapping[str, Callable[[Any], bool]] = {
    "word": _is_words,
    "name": _matches(_NAME),
    "time": lambda value: _is_time(value) or _is_counts(value),
    "counts": _is_counts,
    "device": _matches(_DEVICE),
    "folder": _is_folder,
    "folders": _is_folders,
    "values": _is_values,
    "names": _is_names,
    "pattern": lambda value: isinstance(value, str) and len(value) <= _LONGEST,
}

# Groups of the configuration that name no class.
_GROUPS = {
    "": "seed_everything lang:word train_minutes",
    "checkpoint": "monitor:word mode:word every_n_epochs keep_last save_every_n_steps save_every_minutes:word",
    "trainer": "accelerator:class=auto|cpu|gpu|cuda|mps devices:word num_nodes precision:word logger:classes "
    "strategy:class=auto|ddp|ddp_find_unused_parameters_false|ddp_find_unused_parameters_true|ddp_spawn|ddp_fork|fsdp"
    "|fsdp_cpu_offload|model_parallel|single_device "
    "callbacks:classes fast_dev_run max_epochs min_epochs max_steps min_steps max_time:time limit_train_batches "
    "limit_val_batches limit_test_batches limit_predict_batches overfit_batches val_check_interval:time "
    "check_val_every_n_epoch num_sanity_val_steps log_every_n_steps enable_checkpointing enable_progress_bar "
    "enable_model_summary accumulate_grad_batches gradient_clip_val gradient_clip_algorithm:word deterministic:word "
    "benchmark inference_mode use_distributed_sampler profiler:class=simple|advanced detect_anomaly barebones "
    "plugins:classes sync_batchnorm reload_dataloaders_every_n_epochs default_root_dir:place enable_autolog_hparams "
    "model_registry",
}

_ADAM = "lr betas eps weight_decay amsgrad foreach maximize capturable differentiable fused decoupled_weight_decay"
_SWITCHES = "foreach maximize capturable differentiable fused"
_FILLED = "interpolation:word fill"
_PROCESSES = "process_group_backend:word timeout:time"
_ENVIRONMENTS = {
    "LightningEnvironment": "",
    "SLURMEnvironment": "auto_requeue requeue_signal",
    "TorchElasticEnvironment": "",
}
# By module: the classes, and their arguments.
_CLASSES = {
    "lit_modules": {
        "Segmentation": "network:class num_classes ignore_index optimizer:class lr_scheduler:class "
        "lr_scheduler_interval:word dice_weight compile_network"
    },
    "lit_modules.networks": {"UNet": "in_channels out_channels width depth dropout"},
    "datamodules": {
        "PairedImages": "image_path:folder gt_path:folder image_pattern:pattern gt_pattern:pattern pairs:folder "
        "allow_unpaired val_image_path:folder val_gt_path:folder val_fraction "
        "split:folders group:pattern fold:word split_seed channels image_range image_top max_image_memory exif_gt:word "
        "gt_reading:word gt_threshold classes:folder class_names:names num_classes class_values:values ignore_index "
        "ignored_values:values image_size batch_size skip_unreadable num_workers augmentation:classes sample_pairs seed"
    },
    "torch.optim": {
        "ASGD": f"lr lambd alpha t0 weight_decay {_SWITCHES}",
        "Adadelta": f"lr rho eps weight_decay {_SWITCHES}",
        "Adafactor": f"lr beta2_decay eps d weight_decay {_SWITCHES}",
        "Adagrad": f"lr lr_decay weight_decay initial_accumulator_value eps {_SWITCHES}",
        "Adam": _ADAM,
        "AdamW": _ADAM,
        "Adamax": _ADAM,
        "LBFGS": "lr max_iter max_eval tolerance_grad tolerance_change history_size line_search_fn:word maximize",
        "Muon": "lr weight_decay momentum nesterov ns_coefficients eps ns_steps adjust_lr_fn:word",
        "NAdam": f"{_ADAM} momentum_decay",
        "RAdam": _ADAM,
        "RMSprop": f"lr alpha eps weight_decay momentum centered {_SWITCHES}",
        "Rprop": f"lr etas step_sizes {_SWITCHES}",
        "SGD": f"lr momentum dampening weight_decay nesterov {_SWITCHES}",
        "SparseAdam": "lr betas eps maximize",
    },
    "torch.optim.lr_scheduler": {
        "ConstantLR": "factor total_iters last_epoch",
        "CosineAnnealingLR": "T_max eta_min last_epoch",
        "CosineAnnealingWarmRestarts": "T_0 T_mult eta_min last_epoch",
        "CyclicLR": "base_lr max_lr step_size_up step_size_down mode:word gamma scale_fn scale_mode:word "
        "cycle_momentum base_momentum max_momentum last_epoch",
        "ExponentialLR": "gamma last_epoch",
        "LinearLR": "start_factor end_factor total_iters last_epoch",
        "MultiStepLR": "milestones gamma last_epoch",
        "OneCycleLR": "max_lr total_steps epochs steps_per_epoch pct_start anneal_strategy:word cycle_momentum "
        "base_momentum max_momentum div_factor final_div_factor three_phase last_epoch",
        "PolynomialLR": "total_iters power last_epoch",
        "ReduceLROnPlateau": "mode:word factor patience threshold threshold_mode:word cooldown min_lr eps",
        "StepLR": "step_size gamma last_epoch",
    },
    "lightning.pytorch.cli": {
        "ReduceLROnPlateau": "monitor:word mode:word factor patience threshold threshold_mode:word cooldown min_lr eps"
    },
    "lightning.pytorch.callbacks": {
        "DeviceStatsMonitor": "cpu_stats",
        "EMAWeightAveraging": "device:device use_buffers decay update_every_n_steps update_starting_at_step "
        "update_starting_at_epoch avg_fn multi_avg_fn",
        "EarlyStopping": "monitor:word min_delta patience verbose mode:word strict check_finite stopping_threshold "
        "divergence_threshold check_on_train_epoch_end log_rank_zero_only",
        "GradientAccumulationScheduler": "scheduling:counts",
        "LearningRateMonitor": "logging_interval:word log_momentum log_weight_decay",
        "ModelSummary": "max_depth",
        "RichModelSummary": "max_depth",
        "StochasticWeightAveraging": "swa_lrs swa_epoch_start annealing_epochs annealing_strategy:word avg_fn "
        "device:device",
        "TQDMProgressBar": "refresh_rate process_position leave",
        "Timer": "duration:time interval:word verbose",
        "WeightAveraging": "device:device use_buffers avg_fn multi_avg_fn",
    },
    "lightning.pytorch.loggers": {
        "CSVLogger": "save_dir:place root_dir:place name:name version:name prefix:word flush_logs_every_n_steps",
        "TensorBoardLogger": "save_dir:place root_dir:place name:name version:name log_graph default_hp_metric "
        "prefix:word sub_dir:name comment:name purge_step max_queue flush_secs filename_suffix:name",
    },
    "lightning.pytorch.profilers": {
        "AdvancedProfiler": "dirpath:place filename:place line_count_restriction dump_stats:place",
        "PassThroughProfiler": "dirpath:place filename:place",
        "SimpleProfiler": "dirpath:place filename:place extended",
    },
    "lightning.pytorch.strategies": {
        "DDPStrategy": "accelerator:class parallel_devices cluster_environment:class checkpoint_io precision_plugin "
        f"ddp_comm_state ddp_comm_hook ddp_comm_wrapper model_averaging_period {_PROCESSES} start_method:word "
        "find_unused_parameters gradient_as_bucket_view static_graph broadcast_buffers bucket_cap_mb output_device dim "
        "init_sync process_group check_reduction delay_all_reduce_named_params param_to_hook_all_reduce "
        "mixed_precision device_mesh skip_all_reduce_unused_params bucket_cap_mb_list batched_grad_copy "
        "forward_sync_buffers",
        "FSDPStrategy": "accelerator:class parallel_devices cluster_environment:class checkpoint_io precision_plugin "
        f"{_PROCESSES} cpu_offload mixed_precision auto_wrap_policy activation_checkpointing "
        "activation_checkpointing_policy sharding_strategy:word state_dict_type:word device_mesh",
        "ModelParallelStrategy": f"data_parallel_size:word tensor_parallel_size:word save_distributed_checkpoint "
        f"{_PROCESSES}",
        "SingleDeviceStrategy": "device:device accelerator:class checkpoint_io precision_plugin",
    },
    "lightning.pytorch.plugins": {
        "DoublePrecision": "",
        "HalfPrecision": "precision:word",
        "MixedPrecision": "precision:word device:device scaler",
    },
    "lightning.fabric.plugins.environments": _ENVIRONMENTS,
    "lightning.pytorch.plugins.environments": _ENVIRONMENTS,
    "torchvision.transforms.v2": {
        "AugMix": f"severity mixture_width chain_depth alpha all_ops {_FILLED}",
        "AutoAugment": f"policy:word {_FILLED}",
        "CenterCrop": "size",
        "ColorJitter": "brightness contrast saturation hue",
        "Compose": "transforms:classes",
        "ElasticTransform": f"alpha sigma {_FILLED}",
        "GaussianBlur": "kernel_size sigma",
        "GaussianNoise": "mean sigma clip",
        "Grayscale": "num_output_channels",
        "Identity": "",
        "JPEG": "quality",
        "Normalize": "mean std inplace",
        "Pad": "padding fill padding_mode:word",
        "RGB": "",
        "RandAugment": f"num_ops magnitude num_magnitude_bins {_FILLED}",
        "RandomAdjustSharpness": "sharpness_factor p",
        "RandomAffine": f"degrees translate scale shear center {_FILLED}",
        "RandomApply": "transforms:classes p",
        "RandomAutocontrast": "p",
        "RandomChannelPermutation": "",
        "RandomChoice": "transforms:classes p",
        "RandomCrop": "size padding pad_if_needed fill padding_mode:word",
        "RandomEqualize": "p",
        "RandomErasing": "p scale ratio value inplace",
        "RandomGrayscale": "p",
        "RandomHorizontalFlip": "p",
        "RandomInvert": "p",
        "RandomOrder": "transforms:classes",
        "RandomPerspective": f"distortion_scale p {_FILLED}",
        "RandomPhotometricDistort": "brightness contrast saturation hue p",
        "RandomPosterize": "bits p",
        "RandomResize": "min_size max_size interpolation:word antialias",
        "RandomResizedCrop": "size scale ratio interpolation:word antialias",
        "RandomRotation": f"degrees expand center {_FILLED}",
        "RandomShortestSize": "min_size max_size interpolation:word antialias",
        "RandomSolarize": "threshold p",
        "RandomVerticalFlip": "p",
        "RandomZoomOut": "fill side_range p",
        "Resize": "size interpolation:word max_size antialias",
        "ScaleJitter": "target_size scale_range interpolation:word antialias",
        "TrivialAugmentWide": f"num_magnitude_bins {_FILLED}",
    },
}


def _rules(arguments: str) -> dict[str, Rule]:
    return dict(map(_rule, arguments.split()))


def _rule(written: str) -> tuple[str, Rule]:
    name, _, what = written.partition(":")
    form, _, words = what.partition("=")
    return name, Rule(form or "number", tuple(words.split("|")) if words else ())


def _class_paths() -> Iterator[tuple[str, dict[str, Rule]]]:
    for module, classes in _CLASSES.items():
        for name, arguments in classes.items():
            yield f"{module}.{name}", _rules(arguments)


GROUPS: Mapping[str, Mapping[str, Rule]] = {name: _rules(arguments) for name, arguments in _GROUPS.items()}
ALLOWED: Mapping[str, Mapping[str, Rule]] = dict(_class_paths())


def full_class_path(name: str) -> str:
    """The class path of the only class of the table with this short name; other names are returned as they are."""
    found = [] if "." in name else [path for path in ALLOWED if path.rpartition(".")[2] == name]
    return found[0] if len(found) == 1 else name
