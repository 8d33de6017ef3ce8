"""The first screen of `--help`: what most users need, there before anything slow is imported."""

from resume.run_files import LATEST

EVERYDAY_HELP = f"""\
usage: python train.py [--image_path FOLDER --gt_path FOLDER] [flags]

Train a network on paired images and ground truth. If an earlier run is there, a menu asks how to go on.

everyday flags:
  --image_path FOLDER      images (Data/images); without it and without that folder: the built-in sample set
  --gt_path FOLDER         their ground truth, under the same names (Data/gt)
  --checkpoint_dir FOLDER  where checkpoints, history and plots go (checkpoints)
  --ckpt_path PATH|KEYWORD, --resume PATH|KEYWORD
                           resume from this and ask nothing; keywords: latest (or last), best, interrupted,
                           epoch (the newest epoch file), auto (the newest that loads; if none, a new run)
  --no_interactive         ask nothing; without --ckpt_path start a new run (an old one is archived)
  --break_lock             go on though a run on another host seems to use the folder: when it was killed there
  --max_epochs N           train up to this epoch
  --batch_size N           pairs in a batch
  --lang auto|en|zh        language of the menu and the plot
  --save_every_minutes M   also write {LATEST} this often within an epoch (10; 0: never)
  --config FILE            YAML with any of the settings below; flags win over it
  --print_config           print the resulting configuration and leave
"""
