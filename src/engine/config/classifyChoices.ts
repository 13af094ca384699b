// Words of the options of classifiers.

/** Where rates and augmentation come from. */
export const recipeNames = [
  "auto",
  "small",
  "swinv2",
  "swinv2-22k",
  "swinv2-finetune",
  "swinv2-simmim",
  "yolov5",
] as const;
export type RecipeWish = (typeof recipeNames)[number];

export const fits = ["short", "squash", "square"] as const;
export const schedules = ["cosine", "linear", "step"] as const;
export const optimizers = ["SGD", "Adam", "AdamW"] as const;

/** The same for pretraining. */
export const pretrainRecipes = ["auto", "small", "simmim"] as const;
