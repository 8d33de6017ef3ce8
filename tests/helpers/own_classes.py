"""Classes as people write them in a file of their own, for every place that takes a class path: typed and untyped."""

OWN_MODULE = """
from copy import deepcopy

import torch
from lightning.pytorch import Callback
from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.plugins.environments import LightningEnvironment
from lightning.pytorch.profilers import SimpleProfiler
from lightning.pytorch.strategies import SingleDeviceStrategy
from torch import nn


class Net(nn.Module):
    def __init__(self, width, names, act=nn.ReLU(), weight=torch.ones(2), scale=(1, (2, 3)), label="1e-3"):
        super().__init__()
        assert (names, scale, label) == (["1", "true"], (1, (2, 3)), "1e-3"), (names, scale, label)
        assert isinstance(act, nn.ReLU) and isinstance(weight, torch.Tensor), (act, weight)
        self.layers = nn.Sequential(nn.Conv2d(3, width, 3, padding=1), deepcopy(act), nn.Conv2d(width, 1, 1))

    def forward(self, image):
        return self.layers(image)


class TypedNet(Net):
    def __init__(self, width: int, names: list[str], act: nn.Module = nn.ReLU(), label: str = "1e-3"):
        super().__init__(width, names, act, label=label)


class Opt(torch.optim.SGD):
    def __init__(self, params, lr, momentum=0.9):
        super().__init__(params, lr=lr, momentum=momentum)


class TypedOpt(torch.optim.SGD):
    def __init__(self, params: list, lr: float, momentum: float = 0.9):
        super().__init__(params, lr=lr, momentum=momentum)


class Schedule(torch.optim.lr_scheduler.StepLR):
    def __init__(self, optimizer, size, gamma=0.5):
        super().__init__(optimizer, size, gamma)


class TypedSchedule(torch.optim.lr_scheduler.StepLR):
    def __init__(self, optimizer: torch.optim.Optimizer, size: int, gamma: float = 0.5):
        super().__init__(optimizer, size, gamma)


class Darken(nn.Module):
    def __init__(self, amount):
        super().__init__()
        self.amount = amount

    def forward(self, image, target):
        return image * self.amount, target


class TypedDarken(Darken):
    def __init__(self, amount: float):
        super().__init__(amount)


class Count(Callback):
    def __init__(self, every):
        self.every, self.batches = every, 0

    def on_train_batch_end(self, *args):
        self.batches += self.every

    def state_dict(self):
        return {"batches": self.batches}

    def load_state_dict(self, state):
        self.batches = state["batches"]


class TypedCount(Count):
    def __init__(self, every: int):
        super().__init__(every)


class Log(CSVLogger):
    def __init__(self, folder):
        super().__init__(folder)


class TypedLog(CSVLogger):
    def __init__(self, folder: str):
        super().__init__(folder)


class Profile(SimpleProfiler):
    def __init__(self, name):
        super().__init__(filename=name)


class TypedProfile(SimpleProfiler):
    def __init__(self, name: str):
        super().__init__(filename=name)


class Here(SingleDeviceStrategy):
    def __init__(self, where):
        super().__init__(where)


class TypedHere(SingleDeviceStrategy):
    def __init__(self, where: str):
        super().__init__(where)


class Place(LightningEnvironment):
    def __init__(self, name):
        super().__init__()
        self.name = name


class TypedPlace(LightningEnvironment):
    def __init__(self, name: str):
        super().__init__()
        self.name = name
"""

# The flags that name the class of each place, and the argument that it needs.
PLACES = {
    "network": ("--model.network=own.{}Net", "--model.network.width=2", "--model.network.names=['1', 'true']"),
    "optimizer": ("--model.optimizer=own.{}Opt", "--model.optimizer.lr=0.02"),
    "lr_scheduler": ("--model.lr_scheduler=own.{}Schedule", "--model.lr_scheduler.size=1"),
    "augmentation": ("--data.augmentation+=own.{}Darken", "--data.augmentation.amount=0.5"),
    "callbacks": ("--trainer.callbacks+=own.{}Count", "--trainer.callbacks.every=2"),
    "logger": ("--trainer.logger=own.{}Log", "--trainer.logger.folder=logs"),
    "profiler": ("--trainer.profiler=own.{}Profile", "--trainer.profiler.name=times"),
    "strategy": ("--trainer.strategy=own.{}Here", "--trainer.strategy.where=cpu"),
    "plugins": ("--trainer.plugins+=own.{}Place", "--trainer.plugins.name=here"),
}


def flags_of(place: str, *, typed: bool) -> list[str]:
    return [flag.replace("{}", "Typed" if typed else "") for flag in PLACES[place]]
